"""Hand-over slips: printed by the village, read and confirmed without an account."""
