"""The tables of insight."""
