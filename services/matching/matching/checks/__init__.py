"""Checks: SQL statements that find rows of the book that do not add up."""
