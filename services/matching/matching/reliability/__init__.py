"""Reliability: events for and against people, read off the book; the formula; the class that pledges carry."""
