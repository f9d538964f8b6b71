"""The published language of Duijie: what its services tell each other, and nothing else."""
