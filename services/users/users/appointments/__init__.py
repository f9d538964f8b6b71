"""Appointments: administrators of regions are appointed and dismissed."""
