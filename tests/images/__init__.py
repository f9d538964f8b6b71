"""What is in the images is what was meant. Run by `make images-test`."""
