"""pytest fixtures of all services: a real PostgreSQL, a migrated database, a client of the API with tokens."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from apiflask import APIBlueprint, APIFlask
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import Executable, Row, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from chassis.data import appointments
from chassis.data.database import Database, new_id
from chassis.http.app import create_app
from chassis.http.auth import ALGORITHM, AUDIENCE, ISSUER, STAFF
from chassis.http.rate_limits import RateLimiter
from chassis.messaging import outbox
from chassis.messaging.snapshots import Snapshot
from chassis.settings import WebSettings
from chassis.testing import postgres as servers
from chassis.testing import rabbitmq as brokers
from chassis.testing.templates import create_migrated
from contracts.event import Event
from contracts.users import AdministratorAppointed, AuditorAppointed

os.environ.setdefault("SEAL_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("KEY_ENCRYPTION_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("FINGERPRINT_KEY", "a key for tests")
os.environ.setdefault("CODE_KEYS", "a key of one-time codes for tests alone")
os.environ.setdefault("DOOR_KEYS", "a-key-of-doors-for-tests-of-one-service")
os.environ.setdefault("PUBLIC_URL", "https://duijie.example.org")


class RolledBack(Database):
    """A database whose transactions are savepoints of one transaction, which a test rolls back at its end."""

    remembered_seconds = 0.0

    @contextmanager
    def trial(self) -> Iterator["RolledBack"]:
        """Begin the outer transaction; roll it back at the end of the block."""
        with self.engine.connect() as self._connection:
            transaction = self._connection.begin()
            # A trial may wait for others of its process much longer than a service's transaction may.
            self._connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            try:
                yield self
            finally:
                # A test that stops the server has ended the transaction of a trial that outlasts it.
                with suppress(OperationalError):
                    transaction.rollback()

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Begin a savepoint, as `Database.begin` begins a transaction."""
        with Session(self._connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Begin a savepoint that refuses to write, because what a guest's read wrote would not be undone as a whole."""
        with self.begin() as session:
            session.execute(text("SET LOCAL transaction_read_only = on"))
            yield session

    @contextmanager
    def case(self) -> Iterator[None]:
        """Undo what happens inside, and keep what happened before until the trial ends."""
        self._connection.execute(text("SAVEPOINT one_case"))
        try:
            yield
        finally:
            # SQLAlchemy would roll back to the savepoint and leave it standing: thousands of cases would stand in one another.
            self._connection.execute(text("ROLLBACK TO SAVEPOINT one_case"))
            self._connection.execute(text("RELEASE SAVEPOINT one_case"))

    def found(self, query: Executable, **given: Any) -> Sequence[Row[Any]]:
        """Run a query without a savepoint of its own, for tests that look very often."""
        return self._connection.execute(query, given).all()


class KnownKeys:
    """A signer of tokens and its public keys, in place of those of users."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", {"kid": "test"}, auto_kid=False)

    def current(self) -> KeySet:
        """Return the public keys."""
        return KeySet([self._key])

    renewed = current

    def token(self, user_id: UUID, kind: str, session_id: UUID | None = None, minutes: float = 15, **claims: Any) -> str:
        """Sign a token of a user, valid for `minutes`, with further `claims`; by default in a session of its own."""
        ends_at, sid = datetime.now(UTC) + timedelta(minutes=minutes), str(session_id or new_id())
        stated = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user_id), "sid": sid, "kind": kind, "exp": ends_at} | claims
        return jwt.encode({"alg": ALGORITHM, "kid": "test"}, stated, self._key)


class Client:
    """A client of a service's API: `client.post("/v1/needs", {...}, by=agent)` returns the response."""

    def __init__(self, flask: FlaskClient, keys: KnownKeys) -> None:
        self.flask = flask
        self._keys = keys

    def get(self, path: str, by: "Person | None" = None, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """Send a GET with these query parameters."""
        return self.flask.get(path, query_string=query or None, headers=self._headers(by) | (headers or {}))

    def post(self, path: str, body: Any = None, by: "Person | None" = None, headers: dict[str, str] | None = None) -> Any:
        """Send a POST; the default body is `{}`."""
        return self.flask.post(path, json=body if body is not None else {}, headers=self._headers(by) | (headers or {}))

    def patch(self, path: str, body: Any, by: "Person | None" = None, seen: str | None = "*") -> Any:
        """Send a PATCH; `seen` is the value of `If-Match`, by default any version."""
        return self.flask.patch(path, json=body, headers=self._headers(by) | ({"If-Match": seen} if seen else {}))

    def put(self, path: str, body: Any, by: "Person | None" = None, seen: str | None = "*") -> Any:
        """Send a PUT; `seen` is as in `patch`."""
        return self.flask.put(path, json=body, headers=self._headers(by) | ({"If-Match": seen} if seen else {}))

    def _headers(self, by: "Person | None") -> dict[str, str]:
        return {"Authorization": f"Bearer {self._keys.token(by.id, by.kind, by.session_id, **by.claims)}"} if by else {}


class Person:
    """A signed-in user. Staff gave their second factor, unless a test takes it from their `claims`."""

    def __init__(self, kind: str) -> None:
        self.id = new_id()
        self.kind = kind
        self.session_id = new_id()
        self.claims: dict[str, Any] = {"mfa": 1} if kind in STAFF else {}


def administrator_of(database: Database, region: str) -> Person:
    """Return a user who administers a region, as the service would know from users."""
    return _appointed(database, region, AdministratorAppointed)


def auditor_of(database: Database, region: str) -> Person:
    """Return a user who audits a region, as the service would know from users."""
    return _appointed(database, region, AuditorAppointed)


def _appointed(database: Database, region: str, kind: type[AdministratorAppointed | AuditorAppointed]) -> Person:
    person = Person("staff")
    event = kind(version=1, appointment_id=new_id(), user_id=person.id, region=region, appointed_by=None, appointed_at=datetime.now(UTC))
    with database.begin() as session:
        appointments.record(session, [event])
    return person


def database_fixtures(service: str) -> tuple[Any, Any]:
    """Return the fixtures `engine` and `database` (rolled back after each test), for a service's conftest to name."""

    @pytest.fixture(scope="session")
    def engine(database_of: Callable[[str, str], str]) -> Iterator[RolledBack]:
        database = RolledBack(database_of(service, f"{service}_tests"), name="tests")
        yield database
        database.close()

    @pytest.fixture
    def database(engine: RolledBack) -> Iterator[RolledBack]:
        with engine.trial() as trial:
            yield trial

    return engine, database


_apps: dict[tuple[str, str, int, int], tuple[APIFlask, Database, Any]] = {}


def app_of(service: str, api: APIBlueprint, database: Database, keys: Any) -> APIFlask:
    """Return the application of a service on a database that lasts for the run, with unused rate limits.

    It is made once for the same settings, since making it takes longer than most tests.
    """
    web = WebSettings.of_environment()
    key = (service, repr(web), id(database), id(keys))
    if key not in _apps:
        # The database and the keys are kept, so that no others get their ids.
        _apps[key] = (create_app(service, api, database=database, keys=keys), database, keys)
    app = _apps[key][0]
    app.extensions["rates"] = RateLimiter(web)
    return app


def api_fixtures(service: str, api: APIBlueprint) -> tuple[Any, Any, Any]:
    """Return these fixtures and `client`, which calls the service's API."""

    @pytest.fixture
    def client(database: RolledBack, keys: KnownKeys) -> Client:
        return Client(app_of(service, api, database, keys).test_client(), keys)

    return *database_fixtures(service), client


def assert_retold(database: Database, snapshots: Sequence[Snapshot], restated: Collection[type[Event]] = ()) -> list[Event]:
    """Check that snapshots repeat published events: each is in the outbox, and the last event of each thing is among them.

    Returns the events of the snapshots. `restated` are events whose snapshots hold the figures of today.
    """
    with database.begin() as session:
        live = outbox.pending(session)
        anew = [event for snapshot in snapshots for _, event in snapshot.page(session, None, limit=1000)]
        assert len(anew) == sum(snapshot.count(session) for snapshot in snapshots)
    assert live
    assert {(type(event), event.subject, event.version) for event in anew} <= {
        (type(event), event.subject, event.version) for event in live
    }
    assert all(event in live for event in anew if type(event) not in restated)
    last = {event.subject: event for event in sorted(live, key=lambda event: event.version)}
    assert all(event in anew for event in last.values())
    return anew


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A private PostgreSQL for the whole run."""
    with servers.start(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[brokers.RabbitMQ]:
    """A private RabbitMQ node for the whole run."""
    with brokers.start() as broker:
        yield broker


@pytest.fixture(scope="session")
def database_of(postgres: servers.Postgres) -> Callable[[str, str], str]:
    """Return `database_of(service, name)`, which makes a fresh database with the tables of a service, and returns its address."""

    return partial(create_migrated, postgres)


@pytest.fixture(scope="session")
def keys() -> KnownKeys:
    """A signer of tokens."""
    return KnownKeys()
