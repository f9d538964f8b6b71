"""Helpers: who of the five ones answers for a village or a household."""
