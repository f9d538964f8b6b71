"""Reopening: an expired need is renewed, and a met need opens again when less had arrived than was confirmed."""
