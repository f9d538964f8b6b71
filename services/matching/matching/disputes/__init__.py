"""Disputes: one side contests what was sent or received; the place answers, the county settles."""
