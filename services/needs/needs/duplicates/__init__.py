"""Duplicates: needs that look like others are linked, and shown to reviewers and posters; none is dropped."""
