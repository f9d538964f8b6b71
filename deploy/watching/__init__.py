"""What is looked at while the house runs: alerts are in deploy/chart/files, the dashboard is made here."""
