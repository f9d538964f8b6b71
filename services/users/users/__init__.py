"""The service of users: regions, accounts, administrators and households."""
