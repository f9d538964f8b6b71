"""Answers by SMS: taken once, read by a strict table, and told to the service that acts."""
