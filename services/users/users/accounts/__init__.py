"""Accounts: registering them, and their passwords."""
