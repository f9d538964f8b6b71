"""Imports of large tables: a file is stored, checked, confirmed, and imported in batches by a process of its own."""
