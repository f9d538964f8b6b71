"""Registering accounts, and the secrecy of personal data."""

from typing import Any

import pytest
from sqlalchemy import text
from stdnum.cn import ric

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.users import UserRegistered
from users.personal import parse_mobile, parse_national_id

from .conftest import PASSWORD, VILLAGE, donor, household, pending, person_of, phone, sign_up


@pytest.mark.parametrize("kind", ["donor", "organisation", "merchant", "volunteer", "staff"])
def test_givers_and_staff_register_themselves(client: Client, database: RolledBack, kind: str) -> None:
    answer = client.post("/v1/accounts", donor(kind=kind, region="5109", campaign="spring-2026"))
    assert answer.status_code == 201, answer.json
    assert (answer.json["kind"], answer.json["version"], answer.json["campaign"]) == (kind, 1, "spring-2026")
    assert answer.headers["Location"] == f"/v1/accounts/{answer.json['id']}"
    [event] = pending(database)
    assert isinstance(event, UserRegistered)
    assert (str(event.user_id), event.kind, event.region, event.campaign) == (answer.json["id"], kind, "5109", "spring-2026")


def test_a_household_does_not_register_itself(client: Client) -> None:
    answer = client.post("/v1/accounts", donor(kind="household"))
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/kind")


def test_unproven_accounts_hold_a_phone_against_nobody(client: Client, database: RolledBack) -> None:
    number = phone()
    for written in (number, f"+86{number}", f"{number[:3]}-{number[3:7]}-{number[7:]}"):
        assert client.post("/v1/accounts", donor(phone=written)).status_code == 201
    assert sign_up(client, phone=number).status_code == 201
    assert client.post("/v1/accounts", donor(phone=number)).status_code == 201
    with database.begin() as session:
        states = session.execute(text("SELECT state, proven_at IS NOT NULL FROM accounts ORDER BY id")).all()
    assert states == [("closed", False)] * 3 + [("active", True), ("active", False)]


def test_registering_without_a_proof_is_deprecated(client: Client) -> None:
    paths = client.get("/openapi/users.json").json["paths"]
    assert paths["/v1/accounts"]["post"]["deprecated"] is True
    assert "deprecated" not in paths["/v1/registrations"]["post"]


@pytest.mark.parametrize(
    "change",
    [
        {"phone": "010-62345678"},
        {"phone": "12345678901"},
        {"phone": "+14155552671"},
        {"phone": "1380000ABCD"},
        {"phone": "١٣٨٠٠٠٠١٢٣٤"},
        {"phone": 13800001234},
        {"phone": "1" * 5000},
        {"kind": "administrator"},
        {"name": ""},
        {"name": "a\u0000b"},
        {"name": "李\u200b四"},
        {"name": "王ニ"},
        {"name": "长" * 101},
        {"password": "short-1"},
        {"password": "x1y2" * 33},
        {"password": None},
        {"region": "5199"},
        {"region": "330104"},
        {"campaign": "春天"},
        {"surprise": 1},
    ],
)
def test_an_invalid_registration_is_refused(client: Client, database: RolledBack, change: dict[str, Any]) -> None:
    answer = client.post("/v1/accounts", donor(**change))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert answer.json["errors"][0]["pointer"] == f"#/{next(iter(change))}"
    assert pending(database) == []


@pytest.mark.parametrize(
    "password", ["11111111", "12121212", "12345678", "87654321", "Password1", "qwertyuiop", "woaini1314", "13812345678", "a13812345678"]
)
def test_a_common_password_or_the_phone_is_refused(client: Client, password: str) -> None:
    answer = client.post("/v1/accounts", donor(phone="13812345678", password=password))
    assert (answer.status_code, answer.json["code"]) == (422, "weak_password")


def test_an_account_sees_itself_with_a_masked_phone(client: Client) -> None:
    number = phone()
    person = person_of(client, phone=number)
    shown = client.get("/v1/me", by=person).json
    assert (shown["id"], shown["kind"], shown["name"]) == (person.id, "donor", "冯知微")
    assert shown["phone"] == f"138****{number[-4:]}"
    assert (shown["household_id"], shown["regions"]) == (None, [])
    own = client.get(f"/v1/accounts/{person.id}", by=person).json
    assert (own.pop("shown"), own.pop("allowed")) == ("own", [])
    assert own.items() <= shown.items()


def test_another_account_is_not_visible(client: Client, town: Person) -> None:
    person = person_of(client)
    assert client.get(f"/v1/accounts/{person.id}").status_code == 401
    for other in (Person("donor"), town):
        assert client.get(f"/v1/accounts/{person.id}", by=other).status_code == 404
    assert client.get("/v1/me").status_code == 401
    assert client.get("/v1/me", by=Person("donor")).status_code == 404


def test_personal_data_is_encrypted_in_the_database(client: Client, database: RolledBack, village: Person) -> None:
    secrets = [donor(name="冯知微"), household(name="欧阳守田", phone=phone())]
    assert sign_up(client, **secrets[0]).status_code == 201
    client.post("/v1/registrations", secrets[0])
    key = {"Idempotency-Key": str(new_id())}
    assert client.post("/v1/households", secrets[1], by=village, headers=key).status_code == 201
    client.post("/v1/sessions", {"phone": secrets[0]["phone"], "password": PASSWORD})
    client.post("/v1/sessions", {"phone": phone(), "password": PASSWORD})
    plain = [one[name] for one in secrets for name in ("name", "phone")] + [PASSWORD, secrets[1]["national_id"]]
    needles = plain + [value.encode().hex() for value in plain]
    with database.begin() as session:
        tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        assert {"accounts", "households", "outbox", "idempotency_keys", "wrong_passwords", "sign_ins", "code_requests"} <= set(tables)
        query = "SELECT count(*) FROM {0} WHERE {0}::text LIKE ANY(:needles)"
        found = {table: session.scalar(text(query.format(table)), {"needles": [f"%{one}%" for one in needles]}) for table in tables}
        assert session.scalar(text("SELECT count(*) FROM outbox WHERE outbox::text LIKE :needle"), {"needle": f"%{VILLAGE}%"}) == 1
    assert set(found.values()) == {0}, found


def test_a_wrong_check_digit_or_birthday_is_no_national_id() -> None:
    assert parse_national_id("11010519491231002x") == "11010519491231002X"
    for wrong in ("110105194912310021", "110105194902300021", "110105210001010012", "1101051949123100", "０1010519491231002X", "abc"):
        with pytest.raises(ValueError, match="national id"):
            parse_national_id(wrong)


@pytest.mark.parametrize("written", ["510922194803120011", "441900199003070019"])
def test_a_national_id_may_be_older_than_its_county_code(written: str) -> None:
    number = written[:17] + ric.calc_check_digit(written)
    assert parse_national_id(number) == number


def test_a_mobile_number_has_one_form() -> None:
    assert {parse_mobile(written) for written in ("13800001234", "+8613800001234", "86 138 0000 1234")} == {"+8613800001234"}
