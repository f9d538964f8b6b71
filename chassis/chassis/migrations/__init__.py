"""The chassis's own tables, in every service's database."""
