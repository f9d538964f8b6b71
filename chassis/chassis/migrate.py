"""Brings a service's database up to date: the audit log as its own role, then the chassis's own tables and the service's.

A service that keeps a key for each person has a second database of these keys, which is migrated first.
"""

from collections.abc import Callable
from functools import partial

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool, create_engine, make_url, text

from chassis.data.encryption import keeps_personal_keys
from chassis.data.personal_keys import KeysDatabaseSettings
from chassis.environment import SettingsError, read_all
from chassis.failures import Parser, one_line_failures
from chassis.settings import MigrationSettings
from chassis.start import installed_service, read_settings

_OWNS_ALL = text("""
    SELECT rolsuper OR rolcreaterole OR pg_has_role(rolname, datdba, 'MEMBER') FROM pg_roles, pg_database
    WHERE rolname = :role AND datname = current_database()
""")
_BUILDS = text("SELECT has_schema_privilege(:role, 'public', 'CREATE')")
_OWNS_SCHEMA = text("SELECT nspowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) FROM pg_namespace WHERE nspname = 'audit'")


def migrate(url: str, service: str, audit_url: str | None = None, keys_url: str | None = None) -> None:
    """Run all migrations that are missing. Safe to call at any time; two at once wait for each other.

    `audit_url` is the same database as the role that owns it and the audit log; without it the audit log stays as it is. `keys_url` is
    the database of personal keys, if the service keeps any.
    Raises `SettingsError` when the service's role could change the audit log, or the keys lie in the service's own database.
    """
    if keys_url is not None:
        migrate_keys(url, keys_url, service)
    with _connected(url) as connection:
        connection.execute(text("SELECT pg_advisory_lock(hashtext('migrate'))"))
        connection.commit()
        if audit_url is not None:
            _migrate_audit_log(audit_url, service, connection.scalar(text("SELECT current_user")) or "")
            connection.commit()
        for package, version_table in (("chassis", "chassis_version"), (service, "alembic_version")):
            _upgrade(connection, f"{package}:migrations", version_table=version_table)
        connection.execute(text("SELECT pg_advisory_unlock(hashtext('migrate'))"))
        connection.commit()


def migrate_keys(url: str, keys_url: str, service: str) -> None:
    """Create or change the tables of personal keys. They lie apart from what they open, so that no dump holds both."""
    own, keys = make_url(url), make_url(keys_url)
    if (own.host, own.port, own.database) == (keys.host, keys.port, keys.database):
        raise SettingsError({f"{service.upper()}_KEYS_DATABASE_URL": "is the service's own database: keys and what they open lie apart"})
    with _connected(keys_url) as connection:
        connection.execute(text("SELECT pg_advisory_lock(hashtext('migrate'))"))
        connection.commit()
        _upgrade(connection, "chassis:keys_migrations", version_table="keys_version")
        connection.execute(text("SELECT pg_advisory_unlock(hashtext('migrate'))"))
        connection.commit()


def _migrate_audit_log(url: str, service: str, role: str) -> None:
    """Create or change the audit log as the role that owns it, and let the service's role make its own tables beside it."""
    setting = f"{service.upper()}_AUDIT_DATABASE_URL"
    with _connected(url) as connection:
        if connection.scalar(_OWNS_ALL, {"role": role}) is not False:
            problem = f"{role}, which is a superuser, may make roles, owns the database or belongs to its owner"
            raise SettingsError({setting: f"protects nothing from {problem}"})
        quoted = connection.dialect.identifier_preparer.quote(role)
        if not connection.scalar(_BUILDS, {"role": role}):
            connection.execute(text(f"GRANT USAGE, CREATE ON SCHEMA public TO {quoted}"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS audit"))
        if not connection.scalar(_OWNS_SCHEMA):
            raise SettingsError({setting: "names a role that does not own the schema `audit`"})
        connection.commit()
        _upgrade(connection, "chassis:audit_migrations", version_table="version", version_schema="audit", service_role=quoted)


def _connected(url: str) -> Connection:
    """Connect without a pool, so that a lock ends with the connection, whatever happens."""
    return create_engine(url, poolclass=NullPool, connect_args={"options": "-c timezone=UTC"}).connect()


def _upgrade(connection: Connection, scripts: str, **attributes: str) -> None:
    config = Config()
    config.set_main_option("script_location", scripts)
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, **attributes)
    command.upgrade(config, "head")


def run_migrations() -> None:
    """Run the migrations of one package; every `migrations/env.py` calls this."""
    from alembic import context

    attributes = context.config.attributes
    context.configure(
        connection=attributes["connection"],
        version_table=attributes["version_table"],
        version_table_schema=attributes.get("version_schema"),
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    attributes["connection"].commit()


@one_line_failures
def main() -> None:
    """Migrate the services named on the command line."""
    parser = Parser(prog="python -m chassis.migrate", description=__doc__)
    parser.add_argument("service", nargs="+", type=installed_service)
    asked: list[str] = parser.parse_args().service
    addresses = [read_all(partial(read_settings, name), partial(MigrationSettings.of, name), *_keys_of(name)) for name in asked]
    for settings, migration, *keys in addresses:
        migrate(settings.database_url, settings.service, migration.audit_database_url, *(one.database_url for one in keys))


def _keys_of(service: str) -> list[Callable[[], KeysDatabaseSettings]]:
    return [partial(KeysDatabaseSettings.of, service)] if keeps_personal_keys(service) else []


if __name__ == "__main__":
    main()
