"""Codes that prove a phone: events ask for them, the sending process fetches and sends them."""
