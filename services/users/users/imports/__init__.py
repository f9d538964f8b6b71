"""Imports: many accounts and households are registered at once, with the appointments of staff."""
