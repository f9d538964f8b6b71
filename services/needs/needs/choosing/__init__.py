"""Choosing first: pledges that their givers direct, and goods that came back and are offered again."""
