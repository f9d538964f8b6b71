"""A service for the tests of the chassis only: it records the events it handles and the withdrawals people ask for."""
