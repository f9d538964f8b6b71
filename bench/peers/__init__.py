"""What the chassis is measured against: the plain way to do the same."""
