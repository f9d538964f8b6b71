"""Subscriptions: browsers of a person that show notices by web push, beside the app."""
