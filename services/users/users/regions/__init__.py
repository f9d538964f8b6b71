"""Regions: the national division codes, searched by name."""
