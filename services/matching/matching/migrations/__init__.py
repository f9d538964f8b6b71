"""The tables of matching."""
