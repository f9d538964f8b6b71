"""Transfers: households move, are handed over between places, split and merge, and leave the register."""
