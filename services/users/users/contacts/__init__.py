"""Contacts: the door through which notify looks up where messages go."""
