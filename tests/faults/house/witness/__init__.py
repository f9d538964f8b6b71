"""A listener for the campaign, with one row for each handled event, so that repeated handling shows."""
