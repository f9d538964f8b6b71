"""Clearing: candidate pledges, eligibility, locks and proposals of one transaction."""
