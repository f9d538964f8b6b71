"""Actions on a match, by either side."""
