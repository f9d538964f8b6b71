"""What is deployed is what was meant: looked at in the images themselves. Run by `make deploy-test`."""
