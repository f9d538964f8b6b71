"""Households: the register of each village."""
