"""Tells both sides of every step what happened."""
