"""Browsers that notices are pushed to: a person's own, a few, at known push services, and gone with their account."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text

from chassis.data.database import Database, new_id
from chassis.http.app import create_app
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.generate import example_of
from contracts.matching import MatchProposed
from contracts.users import PersonErased
from deploy.local.environment import p256_keys
from notify import actions as notices
from notify.api import api
from notify.channels.push import find_host
from notify.messages import actions
from notify.messages.model import Message
from notify.preferences.queries import default_preferences
from notify.subscriptions import actions as subscriptions
from notify.subscriptions import rules
from notify.subscriptions.model import PushSubscription

from .conftest import proposal, write_notices

PATH = "/v1/push-subscriptions"
KEYS = {"p256dh": p256_keys("VAPID")["VAPID_PUBLIC_KEY"], "auth": "BTBZMqHH6r4Tts7J_aSIgg"}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    found = p256_keys("VAPID")["VAPID_PUBLIC_KEY"]
    monkeypatch.setenv("VAPID_PUBLIC_KEY", found)
    return found


def browser(**changes: Any) -> dict[str, Any]:
    return {"endpoint": f"https://fcm.googleapis.com/fcm/send/{new_id().hex}:APA91b", "keys": KEYS} | changes


def subscribe(client: Client, person: Person, **changes: Any) -> Any:
    answer = client.post(PATH, browser(**changes), by=person)
    assert answer.status_code == 201, answer.json
    return answer.json


def remove(client: Client, person: Person, subscription: str) -> int:
    return int(client.flask.delete(f"{PATH}/{subscription}", headers=client._headers(person)).status_code)


def test_person_subscribes_browsers_of_their_own(client: Client, database: RolledBack, key: str) -> None:
    person, stranger = Person("donor"), Person("donor")
    assert client.get(f"{PATH}/key", by=person).json == {"key": key}
    made = subscribe(client, person)
    assert (made["host"], made["language"], made["allowed"]) == ("fcm.googleapis.com", "zh-CN", ["remove_push_subscription"])
    assert "endpoint" not in made
    assert client.get(PATH, by=person).json["items"] == [made]
    assert client.get(f"{PATH}/{made['id']}", by=person).json == made
    assert client.get(PATH, by=stranger).json["items"] == []
    assert client.get(f"{PATH}/{made['id']}", by=stranger).status_code == 404
    assert remove(client, stranger, made["id"]) == 404
    with database.begin() as session:
        stored = session.execute(text("SELECT endpoint, auth FROM push_subscriptions")).one()
    assert all(value not in bytes(column) for column in stored for value in (b"fcm.googleapis", KEYS["auth"].encode()))
    assert (remove(client, person, made["id"]), remove(client, person, made["id"])) == (204, 404)


def test_browser_belongs_to_whoever_subscribed_it_last(client: Client) -> None:
    first, second = Person("donor"), Person("volunteer")
    same = browser()
    subscribe(client, first, **same)
    subscribe(client, first, **same)
    assert len(client.get(PATH, by=first).json["items"]) == 1
    subscribe(client, second, **same)
    assert client.get(PATH, by=first).json["items"] == []
    assert len(client.get(PATH, by=second).json["items"]) == 1


LOCK = 'session.execute(select(func.pg_advisory_xact_lock(func.hashtext("notify.browsers"), func.hashtext(key.hex()))))'


@pytest.mark.parametrize("lock", [LOCK, unguarded("pass", "without the lock, two accounts insert the same browser")])
def test_browser_that_two_accounts_subscribe_at_once_has_one(
    database_of: Callable[[str, str], str], keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(subscriptions, "subscribe", altered(subscriptions.subscribe, LOCK, lock))
    real, same = Database(database_of("notify", "notify_browsers"), name="browsers"), browser()
    clients = [Client(create_app("notify", api, database=real, keys=keys).test_client(), keys) for _ in range(2)]
    acts = [lambda client=client: client.post(PATH, same, by=Person("donor")).status_code for client in clients]
    statuses = meet_at_lock(real, text("LOCK push_subscriptions IN SHARE MODE"), acts)
    with real.begin() as session:
        held = session.scalars(select(PushSubscription.id)).all()
    real.close()
    assert (statuses, len(held)) == ([201, 201], 1)


def test_sixth_browser_takes_the_place_of_the_first(client: Client) -> None:
    person = Person("donor")
    made = [subscribe(client, person)["id"] for _ in range(rules.MOST + 1)]
    assert [one["id"] for one in client.get(PATH, by=person).json["items"]] == made[:0:-1]


@pytest.mark.parametrize(
    "endpoint",
    ["http://fcm.googleapis.com/x", "https://127.0.0.1/x", "https://169.254.169.254/latest", "https://fcm.googleapis.com.example.org/x",
     "https://evilpush.apple.com/x", "https://push.apple.com/x", "https://a@fcm.googleapis.com/x", "https://fcm.googleapis.com:8443/x",
     "https://fcm.googleapis.com\\@example.org/x", "https://[::1]/x", "ftp://fcm.googleapis.com/x", ""],
)  # fmt: skip
def test_address_that_is_no_push_service_s_is_refused(client: Client, endpoint: str) -> None:
    answer = client.post(PATH, browser(endpoint=endpoint), by=Person("donor"))
    assert (answer.status_code, {error["pointer"] for error in answer.json["errors"]}) == (422, {"#/endpoint"})


def test_push_services_are_known_by_their_whole_host() -> None:
    hosts = ("fcm.googleapis.com", "*.push.apple.com", "localhost:8443")
    good = ("https://fcm.googleapis.com/a", "https://web.push.apple.com/a", "https://localhost:8443/a", "https://fcm.googleapis.com:443/a")
    assert [find_host(one, hosts) is not None for one in good] == [True] * 4
    bad = ("https://xfcm.googleapis.com/", "https://push.apple.com/", "https://localhost/", "https://localhost:x/", "//fcm.googleapis.com/")
    assert [find_host(one, hosts) for one in bad] == [None] * 5


@pytest.mark.parametrize(
    "given", [{"p256dh": "A" * 87, "auth": KEYS["auth"]}, {"p256dh": KEYS["p256dh"][:-1], "auth": KEYS["auth"]},
             {"p256dh": KEYS["p256dh"], "auth": "short"}, {"p256dh": KEYS["p256dh"]}, {}],
)  # fmt: skip
def test_keys_that_are_none_are_refused(client: Client, given: dict[str, str]) -> None:
    assert client.post(PATH, browser(keys=given), by=Person("donor")).status_code == 422


def test_house_without_a_key_pushes_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAPID_PUBLIC_KEY")
    for answer in (client.get(f"{PATH}/key", by=Person("donor")), client.post(PATH, browser(), by=Person("donor"))):
        assert (answer.status_code, answer.json["code"]) == (404, "push_not_set")


def pushes(database: RolledBack, recipient: UUID) -> list[Message]:
    with database.begin() as session:
        found = session.scalars(select(Message).where(Message.recipient_id == recipient).order_by(Message.channel))
        return list(found)


def test_notice_is_pushed_beside_every_other_channel(client: Client, database: RolledBack) -> None:
    person, without = Person("donor"), Person("donor")
    subscribe(client, person)
    write_notices(database, proposal(pledger_id=person.id), proposal(pledger_id=without.id))
    assert [one.channel for one in pushes(database, without.id)] == ["sms"]
    push, sms = pushes(database, person.id)
    assert (push.channel, push.then, push.due_at <= sms.due_at, sms.channel) == ("push", [], True, "sms")
    with database.begin() as session:
        actions.settle(session, session.get_one(Message, push.id), "delivered", None)
    with database.begin() as session:
        assert session.get_one(Message, sms.id).settled_at is None, "nobody knows whether the browser is ever opened"


FASTER = unguarded("Message.channel.not_in(BESIDE)", "without it, an SMS that is faster takes the browser its push")


@pytest.mark.parametrize("change", [None, FASTER])
def test_faster_sms_takes_no_browser_its_push(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None
) -> None:
    if change:
        monkeypatch.setattr(actions, "settle", altered(actions.settle, f", {change}", ""))
    person = Person("donor")
    subscribe(client, person)
    write_notices(database, proposal(pledger_id=person.id))
    push, sms = pushes(database, person.id)
    with database.begin() as session:
        actions.settle(session, session.get_one(Message, sms.id), "delivered", None)
    with database.begin() as session:
        assert session.get_one(Message, push.id).settled_at is None


def test_push_that_nobody_wants_is_not_planned(client: Client, database: RolledBack) -> None:
    one, none = Person("donor"), Person("donor")
    for person, silenced in ((one, ["match_proposed.wechat"]), (none, ["*.push"])):
        subscribe(client, person)
        with database.begin() as session:
            chosen = default_preferences(person.id)
            chosen.silenced = silenced
            session.add(chosen)
        write_notices(database, proposal(pledger_id=person.id))
    assert [message.channel for message in pushes(database, one.id)] == ["push", "sms"]
    assert [message.channel for message in pushes(database, none.id)] == ["sms"]


def test_subscriptions_go_with_their_account(client: Client, database: RolledBack) -> None:
    person = Person("donor")
    subscribe(client, person)
    write_notices(database, replace(example_of(MatchProposed), match_id=new_id(), pledger_id=person.id))
    with database.begin() as session:
        notices.delete_notices(session, [replace(example_of(PersonErased), account_id=person.id, household_id=None)])
    with database.begin() as session:
        assert session.scalars(select(PushSubscription)).all() == []
