"""Migrated databases, copied from a template that each server migrates once."""

from weakref import WeakKeyDictionary

from chassis.migrate import migrate
from chassis.testing.postgres import Postgres

_migrated: WeakKeyDictionary[Postgres, set[str]] = WeakKeyDictionary()


def create_migrated(server: Postgres, service: str, name: str) -> str:
    """Create the database `name` with the service's tables, in place of one of that name; return its address."""
    template = f"{service}_template"
    made = _migrated.setdefault(server, set())
    if template not in made:
        server.create(template)
        migrate(server.url(template), service)
        made.add(template)
    server.drop(name)
    server.create(name, template=template)
    return server.url(name)
