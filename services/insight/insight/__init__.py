"""The service of insight: rates by region and time of people, needs and matches."""
