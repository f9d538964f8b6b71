"""Who takes part: regions, accounts, administrators, households."""
