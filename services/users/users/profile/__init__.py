"""Profile: people see their own account."""
