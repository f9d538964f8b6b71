"""Lists of needs from spreadsheets: reading them with the names of items and the quantities that people write, and posting them."""
