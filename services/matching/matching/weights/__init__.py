"""Weights: how much each part of the score counts in a region, set there in versions, and the pairs deferred by a threshold."""
