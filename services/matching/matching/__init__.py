"""Brings needs and pledges together."""
