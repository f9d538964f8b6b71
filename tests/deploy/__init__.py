"""What is installed on Kubernetes, held against the code."""
