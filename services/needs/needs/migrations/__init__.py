"""The tables of needs."""
