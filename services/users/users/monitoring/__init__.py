"""Monitoring: the three kinds of monitored households, with entry, removal of the risk and exit."""
