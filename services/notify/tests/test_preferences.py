"""Preferences over the API: everybody reads and sets their own, and a link in a mail ends mails with one click."""

from typing import Any

import pytest
from sqlalchemy import select

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import altered, unguarded
from contracts.notices import kinds
from notify.preferences import actions
from notify.preferences.model import Preferences
from notify.preferences.queries import find_languages, find_manners

PATH = "/v1/notices/preferences"
EVERY = ["sms", "email", "push", "wechat"]
WANTED: dict[str, Any] = {
    "channels": EVERY,
    "kinds": [{"kind": "need_met", "channels": ["email"]}, {"kind": "match_closed", "channels": []}],
    "time_zone": "Asia/Urumqi",
    "quiet_hours": {"since": "23:30", "until": "06:15"},
    "urgent_passes": False,
    "sms_per_day": 1,
    "digest": "never",
}


def changed(**values: Any) -> dict[str, Any]:
    return WANTED | values


def test_everybody_starts_with_the_same_preferences(client: Client) -> None:
    found = client.get(PATH, by=Person("donor")).json
    assert found["version"] == 0
    assert (found["channels"], found["time_zone"], found["quiet_hours"]) == (EVERY, None, {"since": "22:00", "until": "07:00"})
    assert (found["urgent_passes"], found["sms_per_day"], found["digest"]) == (True, 3, "daily")
    assert found["kinds"] == [{"kind": kind, "channels": EVERY} for kind in kinds()]
    assert found["allowed"] == ["set_notice_preferences"]


def test_preferences_are_one_s_own_and_hold_from_now_on(client: Client, database: RolledBack) -> None:
    mei, other = Person("household"), Person("household")
    first = client.get(PATH, by=mei)
    answer = client.put(PATH, WANTED, by=mei, seen=first.headers["ETag"])
    assert (answer.status_code, answer.json["version"]) == (200, 1)
    found = client.get(PATH, by=mei).json
    said = {name: found[name] for name in WANTED if name != "kinds"}
    assert said == {name: value for name, value in WANTED.items() if name != "kinds"}
    by_kind = {one["kind"]: one["channels"] for one in found["kinds"]}
    assert (by_kind["need_met"], by_kind["match_closed"], by_kind["match_accepted"]) == (["email"], [], EVERY)
    assert client.get(PATH, by=other).json["version"] == 0
    with database.begin() as session:
        manners = find_manners(session, {mei.id: "5109"})[mei.id]
    assert (manners.zone, manners.wants("need_met", "sms"), manners.wants("need_met", "email")) == ("Asia/Urumqi", False, True)


STALE = unguarded("versions.check_if_match(session, preferences)", "without it, one device undoes what another chose")


@pytest.mark.parametrize("change", [None, STALE])
def test_second_device_does_not_undo_the_first(client: Client, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(actions, "set_preferences", altered(actions.set_preferences, change, "session.info['seen'].compared = True"))
    mei = Person("donor")
    seen = client.get(PATH, by=mei).headers["ETag"]
    assert client.put(PATH, WANTED, by=mei, seen=seen).status_code == 200
    assert client.put(PATH, changed(digest="daily"), by=mei, seen=seen).status_code == 412
    assert client.get(PATH, by=mei).json["digest"] == "never"
    assert client.put(PATH, WANTED, by=mei, seen=None).status_code == 428


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"channels": ["pigeon"]}, "#/channels/0"),
        ({"kinds": [{"kind": "parcel_sent", "channels": []}]}, "#/kinds/0/kind"),
        ({"kinds": [{"kind": "need_met", "channels": []}] * 2}, "#/kinds"),
        ({"time_zone": "Europe/Berlin"}, "#/time_zone"),
        ({"quiet_hours": {"since": "22:00", "until": "22:00"}}, "#/quiet_hours/until"),
        ({"quiet_hours": {"since": "24:00", "until": "07:00"}}, "#/quiet_hours/since"),
        ({"quiet_hours": {"since": "22:00"}}, "#/quiet_hours/until"),
        ({"quiet_hours": {"since": "2200", "until": "2200"}}, "#/quiet_hours/since"),
        ({"sms_per_day": 21}, "#/sms_per_day"),
        ({"sms_per_day": -1}, "#/sms_per_day"),
        ({"digest": "hourly"}, "#/digest"),
        ({"urgent_passes": "yes"}, "#/urgent_passes"),
        ({"language": "fr"}, "#/language"),
        ({"font": "large"}, "#/font"),
    ],
)
def test_wrong_preferences_are_refused_and_change_nothing(client: Client, changes: dict[str, Any], pointer: str) -> None:
    mei = Person("donor")
    answer = client.put(PATH, changed(**changes), by=mei)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert pointer in {error["pointer"] for error in answer.json["errors"]}
    assert client.get(PATH, by=mei).json["version"] == 0


def test_whoever_wants_no_quiet_hours_has_none(client: Client, database: RolledBack) -> None:
    mei = Person("donor")
    assert client.put(PATH, changed(quiet_hours=None, time_zone=None, kinds=[]), by=mei).json["quiet_hours"] is None
    with database.begin() as session:
        manners = find_manners(session, {mei.id: None})[mei.id]
    assert (manners.since, manners.until, manners.zone) == (None, None, "Asia/Shanghai")


def test_language_of_mails_is_chosen_and_stays(client: Client, database: RolledBack) -> None:
    mei, other = Person("donor"), Person("donor")
    assert client.get(PATH, by=mei).json["language"] == "zh-CN"
    assert client.put(PATH, changed(language="en"), by=mei).json["language"] == "en"
    assert client.put(PATH, WANTED, by=mei).json["language"] == "en", "a form that does not know the field changes nothing"
    assert client.put(PATH, WANTED, by=other).json["language"] == "zh-CN"
    with database.begin() as session:
        assert find_languages(session, {mei.id, new_id()}) == {mei.id: "en"}


def test_preferences_are_for_whoever_is_signed_in(client: Client) -> None:
    assert client.get(PATH).status_code == 401
    assert client.put(PATH, WANTED).status_code == 401


# Unsubscribing


def test_one_click_ends_mails_and_a_second_changes_nothing(client: Client, database: RolledBack) -> None:
    mei = Person("donor")
    with database.begin() as session:
        key = actions.make_keys(session, [mei.id])[mei.id]
    page = client.get(f"/v1/notices/unsubscribing/{key}")
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert '<form method=post><input type="hidden" name="List-Unsubscribe" value="One-Click">' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert "script-src 'none'" in page.headers["Content-Security-Policy"]
    assert client.get(PATH, by=mei).json["channels"] == EVERY, "a program that follows links changes nothing"
    for _ in range(2):
        answer = client.flask.post(
            f"/v1/notices/unsubscribing/{key}", data="List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
        assert (answer.status_code, "已停止发送邮件" in answer.text) == (200, True)
    found = client.get(PATH, by=mei).json
    assert (found["version"], found["channels"]) == (1, ["sms", "push", "wechat"])
    assert client.put(PATH, WANTED, by=mei).json["channels"] == EVERY, "they may come back"


def test_unknown_key_unsubscribes_nobody(client: Client, database: RolledBack) -> None:
    with database.begin() as session:
        actions.make_keys(session, [new_id()])
    assert client.flask.post(f"/v1/notices/unsubscribing/{'x' * 43}").status_code == 404
    assert client.flask.post(f"/v1/notices/unsubscribing/{'x' * 65}").status_code == 404
    with database.begin() as session:
        assert session.scalars(select(Preferences)).all() == []


def test_keys_stay_the_same_and_are_hard_to_guess(database: RolledBack) -> None:
    one, two = new_id(), new_id()
    with database.begin() as session:
        first = actions.make_keys(session, [one])
        both = actions.make_keys(session, [one, two])
    assert both[one] == first[one]
    assert len({*both.values()}) == 2
    assert {len(key) for key in both.values()} == {43}
