"""Masked people are shown whole for a purpose and a reason; nobody else learns that they exist."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import users
from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.twins import unguarded
from users.reveals import actions, rules

from .conftest import VILLAGE, household, person_of, phone
from .test_members import WIDOW
from .test_monitoring import enter
from .test_self_reports import facts
from .test_visits import assign, visit

WHY = {"purpose": "complaint", "reason": "核实来信反映的情况"}
COUNTY = VILLAGE[:6]


def reveal(client: Client, by: Person | None, account: Any, **changes: Any) -> Any:
    return client.post(f"/v1/accounts/{account}/reveal", WHY | changes, by=by)


def recorded(database: RolledBack, act: str) -> list[tuple[Any, ...]]:
    entries = text("SELECT actor_id, person_id, region FROM audit.entries WHERE act = :act ORDER BY id")
    return [tuple(row) for row in database.found(entries, act=act)]


def test_account_is_masked_and_shown_for_a_reason(client: Client, database: RolledBack) -> None:
    number = phone()
    donor = person_of(client, name="冯知微", phone=number, region=VILLAGE, campaign="spring-2017")
    county = administrator_of(database, COUNTY)
    masked = client.get(f"/v1/accounts/{donor.id}", by=county).json
    assert (masked["shown"], masked["name"], masked["phone"]) == ("masked", "冯**", f"138****{number[-4:]}")
    assert (masked["campaign"], masked["allowed"]) == (None, ["reveal_account"])
    assert recorded(database, "get_account") == []
    whole = reveal(client, county, donor.id)
    assert (whole.status_code, whole.json["shown"], whole.json["name"], whole.json["phone"]) == (201, "whole", "冯知微", number)
    assert recorded(database, "reveal_account") == [(county.id, UUID(str(donor.id)), VILLAGE)]
    [look] = client.get(whole.headers["Location"], by=donor).json["items"]
    assert (look["revealed_by"], look["purpose"], look["reason"]) == (str(county.id), "complaint", WHY["reason"])
    own = client.get(f"/v1/accounts/{donor.id}", by=donor).json
    assert (own["shown"], own["name"], own["campaign"], own["allowed"]) == ("own", "冯知微", "spring-2017", [])


@pytest.mark.parametrize("guard", [None, unguarded(True, "without regions, any administrator learns anybody's telephone")])
def test_nobody_else_learns_that_an_account_exists(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: Any
) -> None:
    if guard:
        monkeypatch.setattr(rules, "find_account_problem", lambda *_: None)
        monkeypatch.setattr(rules, "find_reveal_problem", lambda *_: None)
    donor, rootless = person_of(client, region=VILLAGE), person_of(client)
    elsewhere = [administrator_of(database, region) for region in ("5107", "510904", f"{VILLAGE[:9]}002")]
    staff = [*elsewhere, auditor_of(database, "5107"), Person("staff")]
    for by in [*staff, person_of(client), Person("household")]:
        for account in (donor, rootless):
            assert client.get(f"/v1/accounts/{account.id}", by=by).status_code == 404
            assert client.get(f"/v1/accounts/{account.id}/reveals", by=by).status_code == 404
    for by in staff:
        answers = [reveal(client, by, account) for account in (donor.id, rootless.id, new_id())]
        assert {(one.status_code, one.json["code"]) for one in answers} == {(answers[2].status_code, answers[2].json["code"])}
        assert answers[0].status_code in {403, 404}
    assert reveal(client, person_of(client), donor.id).status_code == 403
    assert reveal(client, None, donor.id).status_code == 401
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM person_reveals")) == 0


def test_auditor_sees_an_account_masked_and_reveals_none(client: Client, database: RolledBack) -> None:
    donor, auditor = person_of(client, region=VILLAGE), auditor_of(database, COUNTY)
    assert client.get(f"/v1/accounts/{donor.id}", by=auditor).json["allowed"] == []
    assert reveal(client, auditor, donor.id).status_code == 403
    assert reveal(client, administrator_of(database, COUNTY), donor.id, reason="").status_code == 422
    assert reveal(client, administrator_of(database, COUNTY), donor.id, purpose="curiosity").status_code == 422
    county = administrator_of(database, COUNTY)
    county.claims = {}
    assert reveal(client, county, donor.id).json["code"] == "second_factor_needed"


def test_helper_is_reached_by_the_place_that_they_help(client: Client, village: Person, database: RolledBack) -> None:
    number = phone()
    helper = person_of(client, kind="cadre", phone=number, region="5107")
    assert client.get(f"/v1/accounts/{helper.id}", by=village).status_code == 404
    made = assign(client, village, helper)
    assert reveal(client, village, helper.id).json["phone"] == number
    assert recorded(database, "reveal_account")[0][2] == VILLAGE
    assert client.post(f"/v1/helpers/{made['id']}/release", by=village).status_code == 201
    assert reveal(client, village, helper.id).status_code == 404


def test_administrator_is_reached_by_those_above(client: Client, database: RolledBack) -> None:
    staff = person_of(client, kind="staff")
    appointed = administrator_of(database, VILLAGE)
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET user_id = :id WHERE user_id = :other"), {"id": staff.id, "other": appointed.id})
    assert reveal(client, administrator_of(database, COUNTY), staff.id).status_code == 201
    assert reveal(client, administrator_of(database, "510904"), staff.id).status_code == 404
    assert reveal(client, staff, staff.id).status_code == 403


@pytest.mark.parametrize("state", ["closed", "erased"])
def test_account_that_ended_is_shown_to_nobody(client: Client, database: RolledBack, state: str) -> None:
    donor = person_of(client, region=VILLAGE)
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET state = :state WHERE id = :id"), {"state": state, "id": donor.id})
    assert reveal(client, administrator_of(database, COUNTY), donor.id).status_code == 404


def test_self_report_is_shown_for_a_reason(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    number = phone()
    client.post("/v1/self-reports", facts(phone=number))
    [masked] = client.get("/v1/self-reports", by=town).json["items"]
    assert (masked["shown"], masked["story"]) == ("masked", None)
    assert "reveal_self_report" in masked["allowed"]
    path = f"/v1/self-reports/{masked['id']}"
    whole = client.post(f"{path}/reveal", WHY, by=town)
    assert (whole.status_code, whole.json["name"], whole.json["story"]) == (201, facts()["name"], facts()["story"])
    assert whole.json["phone"].endswith(number)
    assert recorded(database, "reveal_self_report") == [(town.id, UUID(masked["id"]), VILLAGE)]
    assert [look["reason"] for look in client.get(whole.headers["Location"], by=village).json["items"]] == [WHY["reason"]]
    assert client.get(path, by=town).json["shown"] == "masked"
    assert client.post(f"{path}/reveal", WHY, by=village).status_code == 403
    assert client.post(f"{path}/reveal", WHY, by=auditor_of(database, COUNTY)).status_code == 403
    for by in (administrator_of(database, "5107"), administrator_of(database, f"{VILLAGE[:9]}002")):
        assert client.post(f"{path}/reveal", WHY, by=by).status_code == 404
        assert client.get(f"{path}/reveals", by=by).status_code == 404


def test_household_shows_the_parts_that_were_asked_for(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made = client.post("/v1/households", household(address="一组"), by=village).json["id"]
    path = f"/v1/households/{made}"
    assert client.post(f"{path}/members", WIDOW, by=village).status_code == 201
    assert client.post("/v1/household-visits", visit(made), by=village).status_code == 201
    enter(client, village, made, note="户主住院")
    plain = client.post(f"{path}/reveal", WHY, by=town).json
    assert {"members", "labels", "visits", "versions"} & plain.keys() == set()
    parts = ["members", "visits", "labels", "versions"]
    whole = client.post(f"{path}/reveal", WHY | {"parts": parts}, by=town).json
    assert [one["name"] for one in whole["members"]] == [WIDOW["name"]]
    assert (whole["visits"][0]["note"], whole["visits"][0]["help"][0]["description"]) == ("屋顶漏雨，老人住院", "棉被两床")
    assert whole["labels"][0]["note"] == "户主住院"
    assert any(one["after"] for one in whole["versions"])
    looks = client.get(f"{path}/reveals", by=village).json["items"]
    assert [look["parts"] for look in looks] == [sorted(parts), []]
    [member] = client.get(f"{path}/members", by=town).json["items"]
    assert member["name"] == "王**"
    assert client.post(f"{path}/reveal", WHY | {"parts": ["secrets"]}, by=town).status_code == 422
    assert client.post(f"{path}/reveal", WHY | {"parts": parts}, by=village).status_code == 403
    assert client.post(f"{path}/reveal", WHY | {"parts": parts}, by=administrator_of(database, "5107")).status_code == 404


MASKING = {
    "accounts/api.py": "one's own phone",
    "second_factor/actions.py": "one's own phone",
    "households/answers.py": "reveal_household",
    "members/api.py": "reveal_household",
    "profile/api.py": "one's own e-mail address",
    "reveals/api.py": "reveal_account",
    "self_reports/api.py": "reveal_self_report",
}
"""The modules that mask people, and the operation that shows these whole."""


def test_whoever_is_masked_can_be_shown_for_a_reason() -> None:
    folder = Path(users.__file__).parent
    masking = {str(path.relative_to(folder)) for path in folder.rglob("*.py") if re.search(r"import .*\bmask_", path.read_text("utf-8"))}
    assert masking == MASKING.keys()
    assert {act for act in MASKING.values() if act.startswith("reveal_")} == {name for name in vars(actions) if name.startswith("reveal_")}
