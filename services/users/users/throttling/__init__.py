"""Throttling: delays that grow with wrong passwords, for a phone, an address, and a phone at an address."""
