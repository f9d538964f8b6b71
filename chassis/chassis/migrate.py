"""Brings a service's database up to date: first the chassis's own tables, then the service's."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

from chassis.failures import Parser, one_line_failures
from chassis.start import installed_service, read_settings


def migrate(url: str, service: str) -> None:
    """Run all migrations that are missing. Safe to call at any time; two at once wait for each other."""
    engine = create_engine(url, connect_args={"options": "-c timezone=UTC"})
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(hashtext('migrate'))"))
        connection.commit()
        for package, version_table in (("chassis", "chassis_version"), (service, "alembic_version")):
            _upgrade(connection, f"{package}:migrations", version_table)
        connection.execute(text("SELECT pg_advisory_unlock(hashtext('migrate'))"))
        connection.commit()
    engine.dispose()


def _upgrade(connection: Connection, scripts: str, version_table: str) -> None:
    config = Config()
    config.set_main_option("script_location", scripts)
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, version_table=version_table)
    command.upgrade(config, "head")


def run_migrations() -> None:
    """Run the migrations of one package; every `migrations/env.py` calls this."""
    from alembic import context

    attributes = context.config.attributes
    context.configure(connection=attributes["connection"], version_table=attributes["version_table"], transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    attributes["connection"].commit()


@one_line_failures
def main() -> None:
    """Migrate the services named on the command line."""
    parser = Parser(prog="python -m chassis.migrate", description=__doc__)
    parser.add_argument("service", nargs="+", type=installed_service)
    for settings in [read_settings(service) for service in parser.parse_args().service]:
        migrate(settings.database_url, settings.service)


if __name__ == "__main__":
    main()
