"""Appeals: people see their reliability and its events, and appeal against events that are wrong."""
