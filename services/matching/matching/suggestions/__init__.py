"""Suggestions: needs of the same kind in villages that nobody has helped."""
