"""Sessions: signing in, refreshing tokens, signing out."""
