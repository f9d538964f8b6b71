"""Databases that the release before proven phones wrote go on: accounts, appointments, sessions and open matches."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from sqlalchemy import select, text
from stdnum.cn import ric

from chassis import reseal
from chassis.data import encryption
from chassis.data.appointments import regions_of
from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.http.auth import ALGORITHM, ISSUER
from chassis.testing.dumps import dump
from chassis.testing.fixtures import Client, KnownKeys, Person
from chassis.testing.postgres import Postgres
from chassis.testing.templates import create_and_migrate
from chassis.testing.twins import unguarded
from matching.matches import unsent
from needs.model import Need
from tests.fuzz.fixtures import Signing
from tests.integration.before.restore import OF_BEFORE, forget_keys, restore
from users.accounts.model import Account
from users.codes.derivation import derive_code
from users.codes.settings import CodeSettings

BEFORE = Path(__file__).with_name("before")
FACTS: dict[str, Any] = json.loads((BEFORE / "facts.json").read_text("utf-8"))
NAMES = {"冯知微", "韩行远", "欧阳守田"}
VILLAGE, CARD = "510903001001", "51090319480312001" + ric.calc_check_digit("510903194803120010")
SHIPPED = ("regions", "region_aliases", "region_spellings")


@pytest.fixture(scope="module")
def upgraded(postgres: Postgres) -> Iterator[dict[str, Database]]:
    """The databases of the release before, upgraded; with its keys of encryption and fingerprints."""
    with pytest.MonkeyPatch.context() as patch:
        for name, key in FACTS["keys"].items():
            patch.setenv(name, key)
        forget_keys()
        databases = {}
        for name in FACTS["revisions"]:
            # One role owned everything then; the upgrade gives the service a role that cannot change the audit log.
            postgres.create(f"{name}_before")
            restore(postgres.url(f"{name}_before"), name, BEFORE, FACTS)
            databases[name] = Database(create_and_migrate(postgres, name, f"{name}_before"), name="upgraded")
        yield databases
        for database in databases.values():
            database.close()
    forget_keys()


@pytest.fixture
def clients(upgraded: dict[str, Database], signing: Signing) -> dict[str, Client]:
    apps = {
        name: create_app(name, import_module(f"{name}.api").api, database=database, keys=signing) for name, database in upgraded.items()
    }
    return {name: Client(app.test_client(), signing) for name, app in apps.items()}  # type: ignore[arg-type]


def person(name: str) -> Person:
    found = Person(FACTS["people"][name]["kind"])
    found.id = UUID(FACTS["people"][name]["id"])
    return found


def sign_in(client: Client, name: str) -> Any:
    return client.post("/v1/sessions", {"phone": FACTS["people"][name]["phone"], "password": FACTS["password"]})


def prove(client: Client, code_id: str) -> Any:
    [key, *_] = CodeSettings.of_environment().code_keys
    code = derive_code(key, "sign_in", UUID(code_id))
    return client.post(f"/v1/sessions/codes/{code_id}/proof", {"code": code})


def own_id(client: Client, signed_in: Any) -> str:
    token = {"Authorization": f"Bearer {signed_in.json['access_token']}"}
    return str(client.flask.get("/v1/me", headers=token).json["id"])


@pytest.mark.parametrize("name", ["city", "agent", "merchant"])
def test_account_of_before_signs_in_once_its_phone_is_proven(clients: dict[str, Client], name: str) -> None:
    asked = sign_in(clients["users"], name)
    assert (asked.status_code, asked.json["code"]) == (403, "proof_needed")
    assert own_id(clients["users"], prove(clients["users"], asked.json["code_id"])) == FACTS["people"][name]["id"]
    assert own_id(clients["users"], sign_in(clients["users"], name)) == FACTS["people"][name]["id"]


def test_code_alone_keeps_an_old_account_without_its_password(clients: dict[str, Client]) -> None:
    asked = clients["users"].post("/v1/sessions/codes", {"phone": FACTS["people"]["volunteer"]["phone"]})
    assert own_id(clients["users"], prove(clients["users"], asked.json["id"])) == FACTS["people"]["volunteer"]["id"]
    assert sign_in(clients["users"], "volunteer").status_code == 401


def test_appointments_of_before_count(upgraded: dict[str, Database]) -> None:
    managed = {"city": ["5109"], "town": ["510903001"], "agent": ["510903001001"], "dismissed": [], "donor": []}
    for database in upgraded.values():
        with database.begin() as session:
            assert {name: regions_of(session, person(name).id) for name in managed} == managed


@pytest.mark.parametrize("name", ["donor", "organisation", "town", "household"])
def test_session_of_before_is_renewed(clients: dict[str, Client], name: str) -> None:
    renewed = clients["users"].post("/v1/sessions/refresh", {"refresh_token": FACTS["sessions"][name]})
    assert renewed.status_code == 201
    token = {"Authorization": f"Bearer {renewed.json['access_token']}"}
    [listed] = [one for one in clients["users"].flask.get("/v1/sessions", headers=token).json["items"] if one["current"]]
    left = datetime.fromisoformat(listed["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=90)


def test_session_that_had_ended_stays_ended(clients: dict[str, Client]) -> None:
    assert clients["users"].post("/v1/sessions/refresh", {"refresh_token": FACTS["sessions"]["merchant"]}).status_code == 401


def test_token_of_before_names_no_session_and_counts(upgraded: dict[str, Database]) -> None:
    keys, town = KnownKeys(), person("town")
    app = create_app("needs", import_module("needs.api").api, database=upgraded["needs"], keys=keys)
    claims = {"iss": ISSUER, "sub": str(town.id), "kind": town.kind, "exp": datetime.now(UTC) + timedelta(minutes=15)}
    headers = {"Authorization": f"Bearer {jwt.encode({'alg': ALGORITHM, 'kid': 'test'}, claims, keys.current().keys[0])}"}
    assert len(app.test_client().get("/v1/needs/managed", headers=headers).json["items"]) == 3


def test_accepted_match_of_before_counts_from_the_upgrade(upgraded: dict[str, Database]) -> None:
    with upgraded["matching"].begin() as session:
        session.execute(text("UPDATE matches SET answered_at = now() - interval '40 days' WHERE state = 'accepted'"))
        unsent.set_missing_deadlines(session)
        unsent.end_unsent_matches(session)
        row = session.execute(text("SELECT id, state, send_by - now() FROM matches WHERE send_by IS NOT NULL")).one()
    assert (str(row[0]), row[1]) == (FACTS["matches"]["accepted"]["id"], "accepted")
    assert timedelta(days=13) < row[2] < timedelta(days=14, minutes=1)


def test_matches_of_before_go_on(clients: dict[str, Client]) -> None:
    matches = clients["matching"]
    for state, act, body in (("proposed", "acceptance", {}), ("accepted", "sending", {"carrier": "in_person"})):
        found = FACTS["matches"][state]
        assert matches.post(f"/v1/matches/{found['id']}/{act}", body, by=person(found["giver"])).status_code == 201
    sent = FACTS["matches"]["sent"]["id"]
    assert matches.post(f"/v1/matches/{sent}/receipt", {"quantity": 5}, by=person("agent")).status_code == 201


def rotate_by_command(upgraded: dict[str, Database], monkeypatch: pytest.MonkeyPatch) -> None:
    """Encrypt all values anew, as an operator does after the upgrade."""
    for name, database in upgraded.items():
        monkeypatch.setenv(f"{name.upper()}_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr(sys, "argv", ["reseal", *upgraded])
    reseal.main()


def assert_everybody_is_found(users: Client, upgraded: dict[str, Database]) -> None:
    """Look for each account by its phone, and for the household by pinyin and by number; read the reasons of all needs."""
    with upgraded["users"].begin() as session:
        for name, known in FACTS["people"].items():
            phone = f"+86{known['phone']}"
            [account] = session.scalars(select(Account).where(Account.phone_fingerprint == encryption.fingerprint(phone)))
            assert (str(account.id), account.phone, account.name in NAMES) == (known["id"], phone, True), name
    for wanted in ({"region": VILLAGE, "name": "oyst"}, {"national_id": CARD}):
        [found] = users.post("/v1/households/search", wanted, by=person("agent")).json["items"]
        assert (found["name"], found["national_id"]) == ("欧阳守田", CARD)
    with upgraded["needs"].begin() as session:
        assert session.scalars(select(Need)).all()
        assert {need.reason for need in session.scalars(select(Need))} == {"家中断粮"}


@pytest.mark.parametrize("rotate", [unguarded(lambda *_: None, "without the command, values of before stay"), rotate_by_command])
def test_rotation_keeps_everybody_and_no_value_of_before(
    postgres: Postgres, clients: dict[str, Client], upgraded: dict[str, Database], monkeypatch: pytest.MonkeyPatch, rotate: Any
) -> None:
    values = {one for name in upgraded for one in OF_BEFORE.findall((BEFORE / f"{name}.sql").read_bytes())}
    assert len(values) > len(FACTS["people"])
    assert_everybody_is_found(clients["users"], upgraded)
    rotate(upgraded, monkeypatch)
    assert_everybody_is_found(clients["users"], upgraded)
    kept = b"".join(dump(postgres.url(f"{name}_before"), SHIPPED) for name in upgraded)
    assert [one for one in values if one in kept] == []


@pytest.mark.parametrize("service", ["users", "needs", "matching"])
def test_every_value_of_before_is_read_and_encrypted_anew(upgraded: dict[str, Database], service: str) -> None:
    models = list(encryption.encrypted_models(service))
    for model in models:
        before = values_of(upgraded[service], model)
        reseal.rotate_model(upgraded[service], model)
        assert values_of(upgraded[service], model) == before
        with upgraded[service].begin() as session:
            stored = [bytes(one) for row in session.execute(select(*model.columns.values())) for one in row if one is not None]
        assert {one[:1] for one in stored} <= {encryption.OF_PERSON if model.person else encryption.OF_SERVICE}
    assert models


def values_of(database: Database, model: encryption.EncryptedModel) -> list[list[Any]]:
    """Read all values of a class through its rows."""
    with database.begin() as session:
        rows = session.scalars(select(model.entity).order_by(*model.keys.values()))
        return [[getattr(row, name) for name in model.columns] for row in rows]
