"""Holders of phones: the one account that proved a phone, and the accounts that only claim it."""
