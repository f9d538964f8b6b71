"""Monitored households: entry, removal of the risk, exit; the status follows."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.users import HouseholdChanged
from users.appointments.days import today
from users.monitoring import rules
from users.monitoring.labels import LABELS

from .conftest import VILLAGE, pending
from .test_register import register, versions

LONG_AGO, LATER = (today() - timedelta(days=60)).isoformat(), (today() - timedelta(days=5)).isoformat()


def enter(client: Client, by: Person, household_id: str, **wanted: Any) -> Any:
    return client.post(f"/v1/households/{household_id}/labels", {"label": "marginal", "reason": "illness"} | wanted, by=by)


def status(client: Client, by: Person, household_id: str) -> str:
    return str(client.get(f"/v1/households/{household_id}", by=by).json["status"])


def test_three_kinds_are_data() -> None:
    assert {label: zh for label, (zh, _) in LABELS.items()} == {
        "unstable_lifted": "脱贫不稳定户",
        "marginal": "边缘易致贫户",
        "sudden_hardship": "突发严重困难户",
    }


def test_household_is_monitored_until_its_risk_is_removed(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made = register(client, village, status="lifted")
    entered = enter(client, village, made["id"], label="unstable_lifted", on=LONG_AGO, note="户主住院").json
    assert (entered["state"], entered["entered_on"], entered["entered_by"], entered["note"]) == (
        "monitored", LONG_AGO, str(village.id), "户主住院",
    )  # fmt: skip
    assert (entered["entry_reason"], status(client, village, made["id"])) == ("illness", "monitored")
    removed = client.post(f"/v1/household-labels/{entered['id']}/risk-removal", {"on": LATER, "note": "已报销"}, by=village).json
    assert (removed["state"], removed["risk_removed_on"], removed["risk_removed_by"]) == ("risk_removed", LATER, str(village.id))
    assert (status(client, village, made["id"]), removed["allowed"]) == ("lifted", ["exit_household_label"])
    left = client.post(f"/v1/household-labels/{entered['id']}/exit", {"reason": "stable"}, by=town).json
    assert (left["state"], left["exited_on"], left["exit_reason"], left["note"]) == ("exited", today().isoformat(), "stable", None)
    acts = [one["act"] for one in versions(client, village, made["id"])]
    assert acts == ["exit_household_label", "remove_household_risk", "enter_household_label", "register_household"]
    assert [one.status for one in pending(database) if isinstance(one, HouseholdChanged)] == ["monitored", "lifted", "lifted"]


def test_exit_without_removal_gives_the_status_back(client: Client, village: Person) -> None:
    made = register(client, village, status="monitored")
    entered = enter(client, village, made["id"]).json
    client.post(f"/v1/household-labels/{entered['id']}/exit", {"reason": "error"}, by=village)
    assert status(client, village, made["id"]) == "registered"


@pytest.mark.parametrize("removed", [None, LATER])
def test_exit_comes_after_the_last_act(client: Client, village: Person, removed: str | None) -> None:
    made = register(client, village)
    entered = enter(client, village, made["id"], on=LATER if removed is None else LONG_AGO).json
    path = f"/v1/household-labels/{entered['id']}"
    if removed:
        assert client.post(f"{path}/risk-removal", {"on": removed}, by=village).status_code == 201
    early = client.post(f"{path}/exit", {"reason": "stable", "on": LONG_AGO}, by=village)
    assert (early.status_code, early.json["errors"][0]["pointer"]) == (422, "#/on")
    assert client.post(f"{path}/exit", {"reason": "stable", "on": LATER}, by=village).status_code == 201


def test_another_kind_ends_the_one_before(client: Client, village: Person) -> None:
    made = register(client, village, status="lifted")
    first = enter(client, village, made["id"], on=LONG_AGO).json
    second = enter(client, village, made["id"], label="sudden_hardship", on=LATER).json
    listed = client.get(f"/v1/households/{made['id']}/labels", by=village).json["items"]
    assert [(one["id"], one["state"], one["exit_reason"], one["exited_on"]) for one in listed] == [
        (second["id"], "monitored", None, None), (first["id"], "exited", "changed", LATER),
    ]  # fmt: skip
    client.post(f"/v1/household-labels/{second['id']}/risk-removal", {}, by=village)
    assert status(client, village, made["id"]) == "lifted"


def test_monitored_households_of_a_region_are_listed(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made, other = register(client, village), register(client, village)
    entered = enter(client, village, made["id"]).json
    enter(client, village, other["id"], label="sudden_hardship")
    path = "/v1/household-labels"
    assert [one["id"] for one in client.get(path, by=town, label="marginal", region=VILLAGE).json["items"]] == [entered["id"]]
    assert len(client.get(path, by=village).json["items"]) == 2
    assert client.get(path, by=administrator_of(database, "5107")).json["items"] == []
    assert client.get(f"{path}/{entered['id']}", by=administrator_of(database, "5107")).status_code == 404
    client.post(f"/v1/households/{made['id']}/end", {"reason": "died"}, by=village)
    assert len(client.get(path, by=village).json["items"]) == 1
    assert client.get(f"{path}/{entered['id']}", by=village).json["allowed"] == []


@pytest.mark.parametrize("rule", ["day <= today and", unguarded("True and", "without the rule, monitoring begins in a time to come")])
def test_days_follow_each_other(client: Client, village: Person, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    monkeypatch.setattr(rules, "find_day_problem", altered(rules.find_day_problem, "day <= today and", rule))
    made = register(client, village)
    tomorrow = (today() + timedelta(days=1)).isoformat()
    assert enter(client, village, made["id"], on=tomorrow).json.get("code") == "invalid"
    entered = enter(client, village, made["id"], on=LATER).json
    early = client.post(f"/v1/household-labels/{entered['id']}/risk-removal", {"on": LONG_AGO}, by=village)
    assert (early.status_code, early.json["errors"][0]["pointer"]) == (422, "#/on")


def test_label_changes_once_and_by_its_region(client: Client, database: RolledBack, village: Person) -> None:
    made = register(client, village)
    entered = enter(client, village, made["id"]).json
    path = f"/v1/household-labels/{entered['id']}"
    assert client.post(f"{path}/risk-removal", by=administrator_of(database, f"{VILLAGE[:9]}002")).status_code == 404
    assert client.post(f"{path}/risk-removal", by=village, headers={"If-Match": '"7"'}).json["code"] == "stale"
    assert client.post(f"{path}/risk-removal", by=village).status_code == 201
    assert client.post(f"{path}/risk-removal", by=village).json["code"] == "state_conflict"
    assert enter(client, village, made["id"], label="poor").json["code"] == "invalid"
