"""Drafts: needs that are not posted yet, for their authors alone."""
