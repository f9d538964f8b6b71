"""Erasing people: nothing readable stays, no key comes back, and every listener is told once nobody can write about them any more."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.database import Database, now
from chassis.data.encryption import encrypted_models
from chassis.data.personal_keys import personal_keys
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.users import HouseholdEnded, PersonErased
from users.erasure import actions, rules
from users.erasure.model import Erasure
from users.snapshots import SNAPSHOTS

from .conftest import VILLAGE, client_of, code_of, enter_account, household, me_of, pending, phone, sign_up
from .conftest import donor as wanted_account
from .test_handovers import Scene

WANTED = {"purpose": "consent_withdrawn"}
BY_VILLAGE = WANTED | {"reason": "asked_in_person"}


class Signed:
    """Somebody who has signed in."""

    def __init__(self, client: Client, tokens: Any) -> None:
        self.client = client
        self.tokens = tokens.json
        self.id = UUID(me_of(client, tokens)["id"])

    def post(self, path: str, body: Any) -> Any:
        return self.client.flask.post(path, json=body, headers=self.headers)

    def get(self, path: str) -> Any:
        return self.client.flask.get(path, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}


def readable(database: RolledBack, people: set[UUID]) -> list[str]:
    """List the places where something about people can still be read."""
    found = []
    with database.begin() as session:
        for model in encrypted_models("users"):
            for row in session.scalars(select(model.entity).where(model.person_column.in_(people))):
                found += [f"{model.table.name}.{name}" for name in model.columns if getattr(row, name)]
    return found


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta = rules.DONE_AFTER) -> None:
    monkeypatch.setattr(actions, "now", lambda: now() + by)


def finish(database: Database) -> list[PersonErased]:
    with database.begin() as session:
        actions.finish_erasures(session)
    return [event for event in pending(database) if isinstance(event, PersonErased)]


@pytest.fixture
def donor(client: Client) -> Signed:
    return Signed(client, sign_up(client))


def test_person_erases_themselves(client: Client, database: RolledBack, donor: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    before = database.found(text("SELECT phone_fingerprint FROM accounts WHERE id = :id"), id=donor.id)[0][0]
    assert readable(database, {donor.id})
    answer = donor.post("/v1/me/erasure", WANTED)
    assert (answer.status_code, answer.json["erased_at"]) == (202, None)
    assert readable(database, {donor.id}) == []
    assert donor.get("/v1/me").status_code == 404
    assert client.post("/v1/sessions/refresh", {"refresh_token": donor.tokens["refresh_token"]}).status_code == 401
    [row] = database.found(text("SELECT state, password_hash, phone_fingerprint FROM accounts WHERE id = :id"), id=donor.id)
    assert (row[0], row[1], row[2] == before) == ("erased", None, False)
    assert finish(database) == []
    later(monkeypatch)
    [told] = finish(database)
    assert (told.person_id, told.account_id, told.household_id) == (donor.id, donor.id, None)
    assert personal_keys("users").find(donor.id) is None
    assert finish(database) == [told]


def test_phone_of_an_erased_person_is_free_again(client: Client, donor: Signed, database: RolledBack) -> None:
    number = phone()
    gone = Signed(client, sign_up(client, phone=number))
    assert gone.post("/v1/me/erasure", WANTED).status_code == 202
    assert client.post("/v1/sessions/codes", {"phone": number}).status_code == 202
    fresh = Signed(client, sign_up(client, phone=number))
    assert fresh.id != gone.id


def test_old_sign_in_is_no_proof(client: Client, database: RolledBack, donor: Signed) -> None:
    with database.begin() as session:
        older = text("UPDATE sign_ins SET started_at = started_at - interval '11 minutes' WHERE account_id = :id")
        session.execute(older, {"id": donor.id})
    answer = donor.post("/v1/me/erasure", WANTED)
    assert (answer.status_code, answer.json["code"]) == (403, "fresh_sign_in_needed")
    assert readable(database, {donor.id})


def test_administrator_in_office_is_not_erased(client: Client, database: RolledBack) -> None:
    staff = Signed(client, sign_up(client, kind="staff"))
    county = administrator_of(database, VILLAGE[:6])
    offer = client.post("/v1/appointments", {"account_id": str(staff.id), "region": VILLAGE}, by=county).json["id"]
    assert staff.post(f"/v1/appointments/{offer}/confirmation", {}).status_code == 201
    answer = staff.post("/v1/me/erasure", WANTED)
    assert (answer.status_code, answer.json["code"]) == (409, "in_office")


def test_household_and_its_account_are_erased_together(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = phone()
    made = UUID(client.post("/v1/households", household(phone=number), by=village).json["id"])
    account = Signed(client, sign_up(client, kind="household", phone=number))
    answer = client.post(f"/v1/households/{made}/erasure", BY_VILLAGE, by=village)
    assert (answer.status_code, answer.json["household_id"], answer.json["account_id"]) == (202, str(made), str(account.id))
    assert readable(database, {made, account.id}) == []
    assert client.get(f"/v1/households/{made}/erasure", by=village).json["id"] == str(account.id)
    [look] = database.found(text("SELECT actor_id, person_id FROM audit.entries WHERE act = 'get_household_erasure'"))
    assert tuple(look) == (village.id, account.id)
    assert client.get(f"/v1/households/{made}", by=village).status_code == 404
    [ended] = [event for event in pending(database) if isinstance(event, HouseholdEnded)]
    assert (ended.household_id, ended.reason) == (made, "erased")
    later(monkeypatch)
    [told] = finish(database)
    assert (told.account_id, told.household_id) == (account.id, made)
    assert [personal_keys("users").find(one) for one in (made, account.id)] == [None, None]


def test_household_without_account_is_erased_by_its_region_alone(client: Client, database: RolledBack, village: Person) -> None:
    made = UUID(client.post("/v1/households", household(), by=village).json["id"])
    elsewhere = administrator_of(database, "520102016001")
    assert client.post(f"/v1/households/{made}/erasure", BY_VILLAGE, by=elsewhere).status_code == 404
    assert client.get(f"/v1/households/{made}/erasure", by=village).status_code == 404
    assert readable(database, {made})
    assert client.post(f"/v1/households/{made}/erasure", BY_VILLAGE, by=village).json["account_id"] is None
    assert readable(database, {made}) == []
    [entry] = database.found(text("SELECT actor_id, person_id, details FROM audit.entries WHERE act = 'erase_person'"))
    assert (entry[0], entry[1], entry[2]) == (village.id, made, BY_VILLAGE)


SAME_ACCOUNT = "household.account_id != account_id"


@pytest.mark.parametrize("look", [SAME_ACCOUNT, unguarded("False", "without the second look, the account of the moment lives on")])
def test_account_that_came_meanwhile_is_not_left_behind(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    made = UUID(client.post("/v1/households", household(), by=village).json["id"])
    account = Signed(client, sign_up(client, kind="donor"))

    def link_behind(session: Session, *asked: Any) -> Any:
        found = get_household(session, *asked)
        session.connection().execute(text("UPDATE households SET account_id = :id WHERE id = :made"), {"id": account.id, "made": made})
        return found

    get_household = actions.get_household
    monkeypatch.setattr(actions, "erase_household", altered(actions.erase_household, SAME_ACCOUNT, look))
    monkeypatch.setattr(actions, "get_household", link_behind)
    answer = client.post(f"/v1/households/{made}/erasure", BY_VILLAGE, by=village)
    assert (answer.status_code, answer.json.get("code")) == (409, "in_progress")
    assert readable(database, {made})


def test_erased_household_can_be_registered_anew(client: Client, database: RolledBack, village: Person) -> None:
    wanted = household()
    for _ in range(2):
        made = client.post("/v1/households", wanted, by=village)
        assert made.status_code == 201
        assert client.post(f"/v1/households/{made.json['id']}/erasure", BY_VILLAGE, by=village).status_code == 202


def test_codes_of_an_erased_person_go_with_them(client: Client, database: RolledBack) -> None:
    number = phone()
    gone = Signed(client, sign_up(client, phone=number))
    asked = UUID(client.post("/v1/sessions/codes", {"phone": number}).json["id"])
    assert gone.post("/v1/me/erasure", WANTED).status_code == 202
    assert database.found(text("SELECT count(*) FROM code_requests WHERE id = :id"), id=asked)[0][0] == 0
    with database.begin() as session:
        assert asked in session.get_one(Erasure, gone.id).people


def test_erasures_are_published_again(client: Client, database: RolledBack, donor: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    donor.post("/v1/me/erasure", WANTED)
    later(monkeypatch)
    [told] = finish(database)
    with database.begin() as session:
        [again] = [event for _, event in SNAPSHOTS[0].page(session, None, limit=10)]
    assert again == told


@pytest.fixture
def restored(database_of: Callable[[str, str], str]) -> Any:
    database = Database(database_of("users", "users_restored"), name="restored")
    yield database
    database.close()


REPEAT = actions._erase_again


@pytest.mark.parametrize("again", [REPEAT, unguarded(lambda *_: 0, "without it, a restored database keeps what was erased")])
def test_restored_database_forgets_again(
    restored: Database, signing: Any, monkeypatch: pytest.MonkeyPatch, again: Callable[..., int]
) -> None:
    monkeypatch.setattr(actions, "_erase_again", again)
    client = client_of(restored, signing)
    account = UUID(enter_account(client).json["id"])
    village = administrator_of(restored, VILLAGE)
    made = UUID(client.post("/v1/households", household(), by=village).json["id"])
    # The keys were erased after the backup was made.
    personal_keys("users").erase([account, made])
    with restored.begin() as session:
        actions.repeat_erasures(session)
    later(monkeypatch)
    told = finish(restored)
    assert {event.person_id for event in told} == {account, made}
    with restored.begin() as session:
        assert session.scalars(text("SELECT length(phone) FROM accounts")).one() == 0


@pytest.mark.parametrize("repeats", ["personal_keys", unguarded("", "without it, restored keys open what was erased")])
def test_restored_keys_are_erased_again(restored: Database, signing: Any, monkeypatch: pytest.MonkeyPatch, repeats: str) -> None:
    client = client_of(restored, signing)
    donor = Signed(client, sign_up(client))
    assert donor.post("/v1/me/erasure", WANTED).status_code == 202
    later(monkeypatch)
    finish(restored)
    keys = personal_keys("users")
    keys.delete([donor.id])
    keys.make([donor.id])
    if not repeats:
        monkeypatch.setattr(actions, "REPEATED_FOR", timedelta(0))
    with restored.begin() as session:
        actions.repeat_erasures(session)
    assert keys.find(donor.id) is None


def test_process_that_dies_after_erasing_keys_publishes_later(
    client: Client, database: RolledBack, donor: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    donor.post("/v1/me/erasure", WANTED)
    later(monkeypatch)
    with suppress(ZeroDivisionError), database.begin() as session:
        actions.finish_erasures(session)
        raise ZeroDivisionError
    assert personal_keys("users").find(donor.id) is None
    assert len(finish(database)) == 1


def test_unused_account_is_erased_in_time(client: Client, database: RolledBack) -> None:
    claims = [UUID(client.post("/v1/accounts", wanted_account()).json["id"]) for _ in range(2)]
    used = UUID(enter_account(client).json["id"])
    with database.begin() as session:
        old = text("UPDATE accounts SET registered_at = now() - interval '1096 days' WHERE id IN (:one, :used)")
        session.execute(old, {"one": claims[0], "used": used})
        assert actions.erase_old_accounts(session) == 1
    assert readable(database, {claims[0]}) == []
    assert all(readable(database, {one}) for one in (claims[1], used))


@pytest.mark.parametrize("side", ["giver", "household"])
def test_person_in_an_open_hand_over_is_not_erased(client: Client, database: RolledBack, side: str) -> None:
    scene = Scene(client, database)
    erase = {
        "giver": lambda: Signed(client, sign_in(client, scene.giver_phone)).post("/v1/me/erasure", WANTED),
        "household": lambda: client.post(f"/v1/households/{scene.household_id}/erasure", BY_VILLAGE, by=scene.agent),
    }[side]
    way = scene.whole_way()
    scene.hear(*way[:3])
    refused = erase()
    assert (refused.status_code, refused.json["code"]) == (409, "matches_under_way")
    assert readable(database, {UUID(scene.household_id)})
    scene.hear(way[3])
    assert erase().status_code == 202


def sign_in(client: Client, number: str) -> Any:
    asked = client.post("/v1/sessions/codes", {"phone": number}).json["id"]
    return client.post(f"/v1/sessions/codes/{asked}/proof", {"code": code_of(asked, "sign_in")})
