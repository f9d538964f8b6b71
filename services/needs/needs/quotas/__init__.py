"""Quotas: how much of an item a household of a known size may ask for within the days of the item."""
