"""Erasure: of people who were erased, and of texts and photos that are kept no longer."""
