"""Reveals: administrators see masked people whole, for a purpose and a reason that stay on record."""
