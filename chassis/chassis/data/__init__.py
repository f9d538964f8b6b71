"""Data: one service's own database, its transactions, encrypted columns and bulk statements."""
