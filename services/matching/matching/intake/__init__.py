"""Intake: events about needs and pledges, entered in the book."""
