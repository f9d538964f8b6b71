"""Endpoints: webhooks of receivers and bots of groups, which get notices beside the people that the notices are for."""
