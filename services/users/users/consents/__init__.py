"""Consents: what households agreed to, to which text and in which way."""
