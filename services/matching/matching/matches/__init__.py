"""Matches: accept, refuse, decline, claim, send, receive, close, cancel, remind."""
