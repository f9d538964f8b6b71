"""Consents by SMS: households that agreed to a post on their behalf from their own telephone."""
