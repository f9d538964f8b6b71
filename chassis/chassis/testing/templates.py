"""Migrated databases, copied from a template that each server migrates once."""

from weakref import WeakKeyDictionary

from chassis.migrate import migrate
from chassis.testing.postgres import Postgres, audit_role

_migrated: WeakKeyDictionary[Postgres, set[str]] = WeakKeyDictionary()


def create_and_migrate(server: Postgres, service: str, name: str) -> str:
    """Create the database `name` unless it exists, run the service's missing migrations, and return its address for the service's role."""
    server.create_for(service, name)
    migrate(url := server.url(name, service), service, server.url(name, audit_role(service)))
    return url


def create_migrated(server: Postgres, service: str, name: str) -> str:
    """Create the database `name` with the service's tables, in place of one of that name; return its address for the service's role."""
    template = f"{service}_template"
    made = _migrated.setdefault(server, set())
    if template not in made:
        create_and_migrate(server, service, template)
        made.add(template)
    server.drop(name)
    server.create_for(service, name, template=template)
    return server.url(name, service)
