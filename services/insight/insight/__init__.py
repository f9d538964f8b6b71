"""Notes that people write about needs."""
