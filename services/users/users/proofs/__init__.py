"""A proven phone gives an account, a session, a new password, another phone."""
