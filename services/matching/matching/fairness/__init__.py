"""How villages and households have fared: who had much help already, so that those who had none come first."""
