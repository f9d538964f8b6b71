"""The speed of matching beside plain peers."""
