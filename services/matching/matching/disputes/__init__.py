"""Disputes: one side says that what was sent or received is not as the other says; the place answers, the county settles."""
