"""Hand-overs: the doors through which both sides of an accepted match see the collection point and a contact."""
