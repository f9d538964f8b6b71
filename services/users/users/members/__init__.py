"""Members: the people of a household besides its head, and the change of its head."""
