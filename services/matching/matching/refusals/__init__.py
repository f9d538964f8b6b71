"""Refusal rules: the region or item that a pledge avoids after a refusal, or its pause."""
