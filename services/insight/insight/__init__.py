"""Rates by region and time: who takes part, what is matched, how fast, by whom."""
