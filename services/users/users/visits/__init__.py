"""Visits: what helpers see of their households, and the visits and help that they record afterwards."""
