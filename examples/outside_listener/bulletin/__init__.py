"""How many needs were published in each county: a listener outside the repository of Duijie."""
