"""Reports of absurd or improper needs: enough of them hide a need from the hall until a reviewer clears it."""
