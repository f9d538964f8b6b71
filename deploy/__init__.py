"""How Duijie is run: the list of services, the laptop's house and stack."""
