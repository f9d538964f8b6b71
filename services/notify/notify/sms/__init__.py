"""SMS: the interface of a provider, and the providers that there are."""
