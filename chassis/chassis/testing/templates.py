"""Migrated databases, copied from a template that each server migrates once."""

import os
from weakref import WeakKeyDictionary

from chassis.data.encryption import keeps_personal_keys
from chassis.data.personal_keys import personal_keys
from chassis.migrate import migrate
from chassis.testing.postgres import Postgres, audit_role

_migrated: WeakKeyDictionary[Postgres, set[str]] = WeakKeyDictionary()


def create_and_migrate(server: Postgres, service: str, name: str) -> str:
    """Create the database `name` unless it exists, run the service's missing migrations, and return its address for the service's role."""
    server.create_for(service, name)
    migrate(url := server.url(name, service), service, server.url(name, audit_role(service)), _create_keys(server, service))
    return url


def create_migrated(server: Postgres, service: str, name: str) -> str:
    """Create the database `name` with the service's tables, in place of one of that name; return its address for the service's role.

    All databases of a service on a server share one of personal keys; the environment of this process names it from then on.
    """
    template = f"{service}_template"
    made = _migrated.setdefault(server, set())
    if template not in made:
        create_and_migrate(server, service, template)
        made.add(template)
    _create_keys(server, service)
    server.drop(name)
    server.create_for(service, name, template=template)
    return server.url(name, service)


def _create_keys(server: Postgres, service: str) -> str | None:
    """Create the database of a service's personal keys, if it keeps any, and name it in the environment of this process."""
    if not keeps_personal_keys(service):
        return None
    url = server.create_keys_for(service)
    if os.environ.get(name := f"{service.upper()}_KEYS_DATABASE_URL") != url:
        os.environ[name] = url
        personal_keys.cache_clear()
    return url
