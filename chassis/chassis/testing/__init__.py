"""Real servers for tests and for the laptop."""
