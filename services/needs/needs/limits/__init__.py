"""Limits: how much a person may ask for or pledge at once, by kind and trust, and in each region."""
