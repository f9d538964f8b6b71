"""Fixtures every test of the house may use."""

from chassis.testing.fixtures import database_of, keys, postgres, rabbitmq

__all__ = ["database_of", "keys", "postgres", "rabbitmq"]
