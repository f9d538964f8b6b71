"""Fixtures: a database of users that is rolled back after each test, and a client of its API with keys of its own."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text
from stdnum.cn import ric

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.messaging import outbox
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, app_of
from contracts.event import Event
from users.api import api
from users.codes.derivation import derive_code
from users.sessions.tokens import SigningKeys

VILLAGE = "510903001001"
PASSWORD = "tian-dao 酬勤者"

_numbers = count(1)


def pem() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="session")
def signing() -> SigningKeys:
    return SigningKeys([pem(), pem()])


@pytest.fixture(scope="session")
def engine(database_of: Callable[[str, str], str]) -> Iterator[RolledBack]:
    database = RolledBack(database_of("users", "users_tests"), name="tests")
    yield database
    database.close()


@pytest.fixture
def database(engine: RolledBack) -> Iterator[RolledBack]:
    with engine.trial() as trial:
        yield trial


def client_of(database: Database, signing: Any) -> Client:
    return Client(create_app("users", api, database=database, keys=signing).test_client(), signing)


@pytest.fixture
def client(database: RolledBack, signing: SigningKeys) -> Client:
    return Client(app_of("users", api, database, signing).test_client(), signing)  # type: ignore[arg-type]


@pytest.fixture
def town(database: RolledBack) -> Person:
    return administrator_of(database, VILLAGE[:9])


@pytest.fixture
def village(database: RolledBack) -> Person:
    return administrator_of(database, VILLAGE)


def pending(database: Database) -> list[Event]:
    """The events in the outbox."""
    with database.begin() as session:
        return outbox.pending(session)


def phone() -> str:
    return f"138{next(_numbers):08}"


def national_id(born: str = "19480312") -> str:
    digits = f"510922{born}{next(_numbers) % 1000:03}"
    number = digits + ric.calc_check_digit(digits + "0")
    # A short table with such a number looks as if a spreadsheet had rounded it.
    return national_id(born) if number.endswith("000") else number


def donor(**changes: Any) -> dict[str, Any]:
    return {"kind": "donor", "phone": phone(), "name": "冯知微", "password": PASSWORD} | changes


def household(**changes: Any) -> dict[str, Any]:
    return {"name": "欧阳守田", "national_id": national_id(), "status": "registered", "region": VILLAGE} | changes


def code_of(code_id: str, purpose: str) -> str:
    """Return the code that was sent for a request."""
    return derive_code(os.environ["CODE_KEYS"].encode(), purpose, UUID(code_id))


def wrong_code_of(code_id: str, purpose: str) -> str:
    return f"{(int(code_of(code_id, purpose)) + 1) % 10**6:06d}"


def sign_up(client: Client, **changes: Any) -> Any:
    """Register an account by a code, and return the answer with its tokens."""
    asked = client.post("/v1/registrations", donor(**changes))
    assert asked.status_code == 202, asked.json
    return client.post(f"/v1/registrations/{asked.json['id']}/proof", {"code": code_of(asked.json["id"], "registration")})


def me_of(client: Client, tokens: Any) -> Any:
    """Return the account to which an answer with tokens belongs."""
    assert tokens.status_code == 201, tokens.json
    return client.flask.get("/v1/me", headers={"Authorization": f"Bearer {tokens.json['access_token']}"}).json


def enter_account(client: Client, **changes: Any) -> Any:
    """Register an account whose phone counts as proven, as an import does; nobody is signed in."""
    answer = client.post("/v1/accounts", donor(**changes))
    assert answer.status_code == 201, answer.json
    with client.flask.application.extensions["database"].begin() as session:
        session.execute(text("UPDATE accounts SET proven_at = now() WHERE id = :id"), {"id": answer.json["id"]})
    return answer


def person_of(client: Client, **changes: Any) -> Person:
    """Register an account whose phone counts as proven, and return its person."""
    account = enter_account(client, **changes).json
    person = Person(account["kind"])
    person.id = account["id"]
    return person


@pytest.fixture
def client_behind(database: RolledBack, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Client]:
    """`client_behind(1)` calls an application that trusts one proxy."""

    def behind(proxies: int) -> Client:
        monkeypatch.setenv("TRUSTED_PROXIES", str(proxies))
        return client_of(database, signing)

    return behind
