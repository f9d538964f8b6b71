"""Templates: the words in which a region tells a kind of notice, instead of the shipped ones."""
