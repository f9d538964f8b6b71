"""Acts that meet at a lock, and events that arrive late: what came first, or is newer, holds."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.data.database import Database, new_id
from chassis.http.app import create_app
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchProposed, PledgeReleased
from contracts.users import HouseholdRegistered
from needs import actions
from needs import lock as locks
from needs.api import api
from needs.catalogue import actions as catalogue
from needs.charities import actions as charities
from needs.duplicates import actions as duplicates
from needs.review_settings import actions as review_settings

from .conftest import VILLAGE, household_in, offer, rice
from .test_charities import credit_code
from .test_pledges import match

LOCK = ', with_for_update={"of": Need}'
Meeting = tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("needs", "needs_second_looks"), name="second_looks")
    yield database
    database.close()


@pytest.fixture(scope="module")
def clients(real: Database, keys: KnownKeys) -> list[Client]:
    """Clients of an application each, since Python 3.11 compiles routes in one thread at a time only."""
    return [Client(create_app("needs", api, database=real, keys=keys).test_client(), keys) for _ in range(2)]


def codes(answers: list[Any]) -> list[str]:
    return sorted(str(answer.json.get("code", answer.status_code)) for answer in answers)


@pytest.mark.parametrize(
    ("is_published", "acts"),
    [
        (False, (("verification", {}), ("verification", {}))),
        (False, (("verification", {}), ("rejection", {"reason": "absurd"}))),
        (True, (("closing", {"reason": "other"}), ("closing", {"reason": "met_elsewhere"}))),
    ],
)
@pytest.mark.parametrize("lock", [LOCK, unguarded("", "without the lock, both acts count")])
def test_of_two_acts_on_a_need_that_meet_one_counts(
    real: Database, clients: list[Client], monkeypatch: pytest.MonkeyPatch, lock: str, is_published: bool, acts: Meeting
) -> None:
    monkeypatch.setattr(locks, "lock_need", altered(locks.lock_need, LOCK, lock))
    village, town, county = (administrator_of(real, VILLAGE[:digits]) for digits in (12, 9, 6))
    asked = rice(household_id=str(household_in(real, VILLAGE)), consent="slip")  # type: ignore[arg-type]
    path = f"/v1/needs/{clients[0].post('/v1/needs', asked, by=village).json['id']}"
    if is_published:
        clients[0].post(f"{path}/verification", by=town)
    running = [
        lambda client=client, by=by, act=act, body=body: client.post(f"{path}/{act}", body, by=by)
        for client, by, (act, body) in zip(clients, (town, county), acts, strict=True)
    ]
    answers = meet_at_lock(real, text("SELECT FROM needs WHERE id = :id FOR UPDATE"), running, id=path[-36:])
    assert codes(answers) == ["201", "state_conflict"]
    with real.begin() as session:
        told = session.scalar(text("SELECT count(*) FROM outbox WHERE subject = :id"), {"id": path[-36:]})
    assert told == 2 + is_published


KEYS = "    lock_keys(session, keys)\n"


@pytest.mark.parametrize("lock", [KEYS, unguarded("", "without the lock, neither of two copies sees the other")])
def test_of_two_copies_posted_at_once_the_second_is_linked(
    real: Database, clients: list[Client], monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(duplicates, "link_need", altered(duplicates.link_need, KEYS, lock))
    reason = f"{new_id()} 房屋年久失修，雨天漏水严重"
    asked = [rice(household_id=str(household_in(real, VILLAGE)), consent="slip", reason=reason) for _ in clients]  # type: ignore[arg-type]
    running = [
        lambda client=client, by=administrator_of(real, VILLAGE), body=body: client.post("/v1/needs", body, by=by)
        for client, body in zip(clients, asked, strict=True)
    ]
    answers = meet_at_lock(real, text("LOCK TABLE need_bands IN EXCLUSIVE MODE"), running)
    assert sorted(len(answer.json["duplicates"]) for answer in answers) == [0, 1]


def test_of_two_withdrawals_of_a_pledge_that_meet_one_counts(real: Database, clients: list[Client]) -> None:
    donor = Person("donor")
    path = f"/v1/pledges/{clients[0].post('/v1/pledges', offer(), by=donor).json['id']}"
    running = [lambda client=client: client.post(f"{path}/withdrawal", by=donor) for client in clients]
    assert codes(meet_at_lock(real, text("SELECT FROM pledges FOR UPDATE"), running)) == ["202", "state_conflict"]


def registered(household_id: UUID, version: int, region: str) -> HouseholdRegistered:
    return HouseholdRegistered(
        version=version, household_id=household_id, account_id=None, region=region, status="registered", registered_by=None,
        registered_at=datetime.now(UTC),
    )  # fmt: skip


NEWER_WINS = "is_newer = Household.version < rows.excluded.version\n"
ANY_WINS = "is_newer = Household.version > 0\n"


@pytest.mark.parametrize("condition", [NEWER_WINS, unguarded(ANY_WINS, "without the version, a late event moves the household back")])
def test_household_stays_where_its_newest_event_says(database: RolledBack, monkeypatch: pytest.MonkeyPatch, condition: str) -> None:
    monkeypatch.setattr(actions, "record_households", altered(actions.record_households, NEWER_WINS, condition))
    there = "510922001001"
    for order in ((1, 2), (2, 1), (1, 2, 1), (2, 1, 2)):
        household = new_id()
        for version in order:
            with database.begin() as session:
                actions.record_households(session, [registered(household, version, there if version == 2 else VILLAGE)])
        with database.begin() as session:
            query = text("SELECT version, region FROM households WHERE id = :id")
            assert session.execute(query, {"id": household}).one() == (2, there), order


def test_rows_are_written_in_the_order_of_ids(database: RolledBack) -> None:
    """Two overlapping batches that write in different orders would wait for each other."""
    ids = [new_id() for _ in range(4)]
    example = match(MatchProposed, str(new_id()), 1)
    with database.begin() as session:
        actions.record_households(session, [registered(one, 1, VILLAGE) for one in reversed(ids)])
        actions.record_matches(session, [replace(example, match_id=one, version=4 - place) for place, one in enumerate(ids)])
        for table in ("households", "matches"):
            assert session.scalars(text(f"SELECT id FROM {table} ORDER BY ctid")).all() == ids


def released(pledge: UUID, version: int, answers: int, quantity: int, resting: bool = False) -> PledgeReleased:
    return PledgeReleased(
        version=version, pledge_id=pledge, pledger_id=new_id(), category="food.rice", unit="kg", answers=answers, withdrawn=False,
        resting=resting, quantity=quantity, accepted=0, open=quantity, released_at=datetime.now(UTC),
    )  # fmt: skip


STILL_ASKED = "case((Pledge.version == event.answers, event.quantity), else_=Pledge.quantity)"


@pytest.mark.parametrize("quantity", [STILL_ASKED, unguarded("event.quantity", "without the case, an older answer undoes a later change")])
def test_answer_to_an_older_version_leaves_the_later_change(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, quantity: str
) -> None:
    monkeypatch.setattr(actions, "record_releases", altered(actions.record_releases, STILL_ASKED, quantity))
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    client.patch(f"/v1/pledges/{pledge}", {"quantity": 40}, by=donor)
    with database.begin() as session:
        actions.record_releases(session, [released(UUID(pledge), 1, 1, 100, resting=True)])
    shown = client.get(f"/v1/pledges/{pledge}", by=donor).json
    assert (shown["quantity"], shown["answered_version"], shown["resting"]) == (40, 1, True)
    with database.begin() as session:
        actions.record_releases(session, [released(UUID(pledge), 3, 2, 45), released(UUID(pledge), 2, 2, 30)])
    shown = client.get(f"/v1/pledges/{pledge}", by=donor).json
    assert (shown["quantity"], shown["answered_version"], shown["resting"]) == (45, 2, False)


TURN = 'session.execute(select(func.pg_advisory_xact_lock(func.hashtext("needs.{}"), func.hashtext(region))))'
IN_TURN = [False, unguarded(True, "without turns, neither of two at once sees the other")]
VERSIONED = {
    "catalogue_rules": (catalogue, "set_rules", "/v1/catalogue/rules", {"items": [], "forbidden": [], "sets": None}, "catalogue_rules"),
    "review_settings": (review_settings, "set_review_settings", "/v1/review-settings", {"county_above": 5}, "review_settings"),
}


@pytest.mark.parametrize("is_free", IN_TURN)
@pytest.mark.parametrize("name", VERSIONED)
def test_rules_set_twice_at_once_have_two_versions(
    real: Database, clients: list[Client], monkeypatch: pytest.MonkeyPatch, name: str, is_free: bool
) -> None:
    module, function, path, body, table = VERSIONED[name]
    turn = TURN.format(name)
    monkeypatch.setattr(module, function, altered(getattr(module, function), turn, "pass" if is_free else turn))
    region = "510904" if is_free else "510903"
    county = administrator_of(real, region)
    acts = [lambda client=client: client.put(f"{path}?region={region}", body, by=county) for client in clients[:2]]
    answers = meet_at_lock(real, text(f"LOCK TABLE {table} IN SHARE MODE"), acts)
    assert [answer.status_code for answer in answers] == [200, 200]
    with real.begin() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.actor_id == county.id).order_by(AuditEntry.id)).all()
        assert [(entry.act, entry.region, entry.details) for entry in entries] == [
            (f"set_{name}", region, {"version": version}) for version in (1, 2)
        ]


@pytest.mark.parametrize("is_free", IN_TURN)
def test_charity_named_twice_at_once_stands_once(
    real: Database, clients: list[Client], monkeypatch: pytest.MonkeyPatch, is_free: bool
) -> None:
    turn = TURN.format("charities")
    monkeypatch.setattr(charities, "name_charity", altered(charities.name_charity, turn, "pass" if is_free else turn))
    region = "510904" if is_free else "510903"
    county = administrator_of(real, region)
    body = {"region": region, "name": "慈善会", "registration_number": credit_code(7), "last_day": "2090-12-31"}
    acts = [lambda client=client: client.post("/v1/charities", body, by=county) for client in clients[:2]]
    answers = meet_at_lock(real, text("LOCK TABLE charities IN SHARE MODE"), acts)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
