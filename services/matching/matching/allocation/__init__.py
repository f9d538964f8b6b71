"""Allocation: the best shares of one batch, the score of a pair and its reasons, as pure functions."""
