"""Matches: accept, refuse, decline, send, receive, close, cancel, remind."""
