"""Organisations: what an organisation, merchant or work unit says it is, and who confirmed it."""
