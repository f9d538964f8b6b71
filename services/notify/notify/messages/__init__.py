"""Messages: what leaves the house over a channel. Each is claimed, given its address, sent, and settled by its outcome."""
