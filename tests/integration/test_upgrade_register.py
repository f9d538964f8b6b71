"""The register of the release before each person had a key: everybody is found after the upgrade, and every value is encrypted anew."""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from chassis import reseal
from chassis.data import encryption
from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing.dumps import dump
from chassis.testing.fixtures import Client, Person, administrator_of
from chassis.testing.postgres import Postgres
from chassis.testing.templates import create_and_migrate
from chassis.testing.twins import unguarded
from tests.fuzz.fixtures import Signing
from tests.integration.before.restore import OF_BEFORE, forget_keys, restore

BEFORE = Path(__file__).with_name("before") / "register"
FACTS: dict[str, Any] = json.loads((BEFORE / "facts.json").read_text("utf-8"))
HOUSEHOLDS: list[dict[str, Any]] = FACTS["households"]
NAME = "register_before"
SHIPPED = ("regions", "region_aliases", "region_spellings")
PINYIN = {
    "欧阳守田": "oyst",
    "冯知微": "fengzhiwei",
    "韩行远": "hxy",
    "顾南枝": "gnz",
    "陆行舟": "luxingzhou",
    "沈清和": "sqh",
    "白居安": "bja",
}
"""Pinyin or its initials, by which a cadre looks; 萧望舒 has left the register."""


@pytest.fixture(scope="module")
def upgraded(postgres: Postgres) -> Iterator[Database]:
    with pytest.MonkeyPatch.context() as patch:
        for name, key in FACTS["keys"].items():
            patch.setenv(name, key)
        forget_keys()
        postgres.create(NAME)
        restore(postgres.url(NAME), "users", BEFORE, FACTS)
        database = Database(create_and_migrate(postgres, "users", NAME), name="upgraded")
        yield database
        database.close()
    forget_keys()


@pytest.fixture
def client(upgraded: Database, signing: Signing) -> Client:
    app = create_app("users", import_module("users.api").api, database=upgraded, keys=signing)
    return Client(app.test_client(), signing)  # type: ignore[arg-type]


def rotate_by_command(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERS_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr(sys, "argv", ["reseal", "users"])
    reseal.main()


def assert_everybody_is_found(client: Client, managers: dict[str, Person]) -> None:
    """Look for each household by its number and by pinyin in its village; read its members, the one that ended, and the school."""
    for known in HOUSEHOLDS:
        by, ended = managers[known["region"]], known["ended"]
        whole = client.get(f"/v1/households/{known['id']}", by=by).json
        shown = (whole["name"], whole["national_id"], whole["address"], whole["shown"], whole["ended_at"] is not None)
        assert shown == (known["name"], known["national_id"], known["address"], "village", ended)
        assert (whole["contact_phone"] or "")[-8:] == (known["phone"] or "")[-8:]
        by_name = {"region": known["region"], "name": PINYIN.get(known["name"], known["name"])}
        for wanted in ({"national_id": known["national_id"]}, by_name):
            found = client.post("/v1/households/search", wanted, by=by).json["items"]
            assert [one["id"] for one in found] == ([] if ended else [known["id"]])
        members = client.get(f"/v1/households/{known['id']}/members", by=by).json["items"]
        entered = {one["name"]: one["national_id"] for one in members}
        assert {one["name"]: one["national_id"] for one in known["members"]} == entered
    shared = [client.get(f"/v1/households/{one['id']}", by=managers[one["region"]]).json["phone_kind"] for one in HOUSEHOLDS[1:3]]
    assert shared == ["shared", "neighbour"]
    school = client.get(f"/v1/institutions/{FACTS['institution']['id']}", by=managers[HOUSEHOLDS[0]["region"]]).json
    assert {name: school[name] for name in ("name", "address", "telephone")} == {
        name: FACTS["institution"][name] for name in ("name", "address", "telephone")
    }


@pytest.mark.parametrize("rotate", [unguarded(lambda *_: None, "without the command, values of before stay"), rotate_by_command])
def test_everybody_of_a_register_of_before_is_found(
    postgres: Postgres, client: Client, upgraded: Database, monkeypatch: pytest.MonkeyPatch, rotate: Any
) -> None:
    managers = {region: administrator_of(upgraded, region) for region in {one["region"] for one in HOUSEHOLDS}}
    values = set(OF_BEFORE.findall((BEFORE / "users.sql").read_bytes()))
    assert len(values) > 2 * len(HOUSEHOLDS)
    assert_everybody_is_found(client, managers)
    rotate(upgraded, monkeypatch)
    assert_everybody_is_found(client, managers)
    kept = dump(postgres.url(NAME), SHIPPED)
    assert [one for one in values if one in kept] == []


def test_every_value_of_a_register_of_before_has_a_new_key(upgraded: Database) -> None:
    """Read what is stored in each table after the rotation, encrypted by the keys of people alone."""
    stored = 0
    for model in encryption.encrypted_models("users"):
        reseal.rotate_model(upgraded, model)
        with upgraded.begin() as session:
            values = [bytes(one) for row in session.execute(select(*model.columns.values())) for one in row if one is not None]
        assert {one[:1] for one in values} <= {encryption.OF_PERSON}, model.table.name
        stored += len(values)
    # Besides the rows of the release before, looks of the test above were recorded; no value was lost.
    assert stored >= len(set(OF_BEFORE.findall((BEFORE / "users.sql").read_bytes())))
