"""Holds: a giver who chooses a need keeps units of it for some minutes."""
