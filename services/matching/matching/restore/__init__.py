"""Restore: a book from an older backup catches up with the events it had published."""
