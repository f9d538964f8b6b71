"""A service that exists for the tests of the chassis only: it notes what it hears, and what it is asked to withdraw."""
