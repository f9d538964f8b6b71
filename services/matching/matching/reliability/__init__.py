"""Reliability: reliability events read off the book, classes on pledges, the formula."""
