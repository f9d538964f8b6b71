"""The published language of Duijie: the events that its services exchange, and the notices about them."""
