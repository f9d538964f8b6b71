"""Registered charities that counties name: only through one of them is money asked for."""
