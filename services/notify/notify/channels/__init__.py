"""Channels that lead outside the app: the interface of a provider, the providers that there are, and the short texts of SMS."""
