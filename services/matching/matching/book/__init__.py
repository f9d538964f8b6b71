"""The book: needs, pledges, matches and movements, with their locks, releases, rules and events."""
