"""Monitoring: the dashboard is made here, alerts are in deploy/chart/files."""
