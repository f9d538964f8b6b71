"""Erasure: people, and administrators for households, have personal data erased for good."""
