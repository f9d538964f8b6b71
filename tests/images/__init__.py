"""Tests of the built images. Run by `make images-test`."""
