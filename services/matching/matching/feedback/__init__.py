"""Feedback: photos, thanks and ratings of both sides of a match."""
