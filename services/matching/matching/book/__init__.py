"""The book: needs, pledges, matches and movements; who may do what; locks, releases and events."""
