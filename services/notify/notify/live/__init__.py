"""Live streams: notices, matches, figures of needs and balances of regions, as they change."""
