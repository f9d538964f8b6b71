"""Counting: events give the same counts in any order, repeated, or republished."""

import os
import random
from datetime import date
from importlib import import_module
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import text

from chassis.testing.fixtures import RolledBack
from contracts.event import Event
from contracts.matching import (
    AppealDecided,
    AppealLodged,
    DisputeOpened,
    DisputeSettled,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchSent,
)
from contracts.needs import NeedClosed, NeedRejected, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from contracts.users import HouseholdEnded, HouseholdMoved, HouseholdRegistered, UserRegistered
from insight import actions
from insight.model import MEASURES
from insight.worker import Worker

from .conftest import (
    CITY,
    COAT_FEN,
    HANDLERS,
    OTHER_VILLAGE,
    RICE_FEN,
    VILLAGE,
    accepted,
    at,
    count,
    counted,
    event,
    giver,
    handle,
    need,
    publish,
    someone,
)

RICE, COATS, WITHDRAWN, ELSEWHERE = (
    need("rice", "2026-03-02"),
    need("coats", "2026-03-02", OTHER_VILLAGE, category="clothing.coat", urgency="critical", quantity=4),
    need("withdrawn", "2026-03-03"),
    need("elsewhere", "2026-04-01", quantity=20),
)


def of_match(kind: type[Event], name: str, by: str, version: int, **moment: str) -> Any:
    return event(kind, match_id=name, need_id="elsewhere", pledger_id=by, version=version, quantity=5, region=VILLAGE, **moment)


LIVE: list[Event] = [
    giver("donor", "2026-03-01"),
    giver("shop", "2026-03-01", "merchant", "51"),
    event(UserRegistered, user_id="poster of rice", kind="household", region=VILLAGE, registered_at="2026-02-01"),
    event(UserRegistered, user_id="poster of coats", kind="staff", region=VILLAGE, registered_at="2026-02-01"),
    event(HouseholdRegistered, household_id="h", region=VILLAGE, registered_at="2026-02-01"),
    RICE, COATS, WITHDRAWN, ELSEWHERE,
    event(NeedRejected, need_id="absurd", version=2, region=VILLAGE, rejected_at="2026-03-05"),
    event(NeedWithdrawn, need_id="withdrawn", version=3, region=VILLAGE, withdrawn_at="2026-03-09"),
    event(NeedClosed, need_id="elsewhere", version=3, region=VILLAGE, reason="met_elsewhere", closed_at="2026-04-09"),
    event(PledgeOffered, pledge_id="p", pledger_id="donor", version=1, offered_at="2026-03-01"),
    event(PledgeChanged, pledge_id="p", pledger_id="donor", version=2, offered_at="2026-03-01", changed_at="2026-03-04"),
    event(PledgeWithdrawn, pledge_id="p", pledger_id="donor", version=3, offered_at="2026-03-01", withdrawn_at="2026-03-20"),
    accepted("m1", RICE, "donor", "2026-03-05", 5), accepted("m2", COATS, "shop", "2026-03-16"),
    of_match(MatchProposed, "m3", "donor", 1, proposed_at="2026-04-02"), of_match(MatchRefused, "m3", "donor", 2, refused_at="2026-04-03"),
    of_match(MatchProposed, "m4", "shop", 1, proposed_at="2026-04-02"), of_match(MatchLapsed, "m4", "shop", 2, lapsed_at="2026-04-05"),
    accepted("m5", ELSEWHERE, "shop", "2026-04-03", 5), of_match(MatchNeedEnded, "m5", "shop", 3, ended_at="2026-04-09"),
    of_match(MatchProposed, "m6", "shop", 1, proposed_at="2026-04-02"), accepted("m6", ELSEWHERE, "shop", "2026-04-03", 2),
    replace(of_match(MatchSent, "m6", "shop", 3, sent_at="2026-04-04"), quantity=2, sent=2),
    replace(of_match(MatchReceived, "m6", "shop", 4, received_at="2026-04-05"), quantity=2, sent=2, received=1),
    event(DisputeOpened, dispute_id="d1", version=1, region=VILLAGE, opened_at="2026-04-06"),
    event(DisputeOpened, dispute_id="d2", version=1, region=OTHER_VILLAGE, opened_at="2026-04-06"),
    event(DisputeSettled, dispute_id="d1", version=3, region=VILLAGE, settled_at="2026-05-01"),
    event(AppealLodged, appeal_id="a1", version=1, region=VILLAGE, lodged_at="2026-04-07"),
    event(AppealDecided, appeal_id="a1", version=2, region=VILLAGE, decided_at="2026-05-02"),
    replace(of_match(MatchClosed, "m6", "shop", 5, closed_at="2026-04-06"), quantity=2, sent=2, received=1),
]  # fmt: skip
REPUBLISHED = [one for one in LIVE if not isinstance(one, PledgeChanged)]
"""Republishing leaves out the change of a pledge that was withdrawn later."""


@pytest.fixture(scope="module")
def straight(engine: RolledBack) -> dict[Any, Any]:
    with engine.trial() as database:
        publish(database, LIVE)
        return counted(database)


def test_a_day_of_the_country_is_the_sum_of_its_villages(straight: dict[Any, Any]) -> None:
    day = straight["", date(2026, 3, 2)]
    assert (day["needs"], day["helped"], day["matches"]) == (2, 2, 2)
    assert day["weight"] == 10 * RICE_FEN + 4 * 4 * COAT_FEN
    assert day["weight_met"] == 5 * RICE_FEN + 4 * 4 * COAT_FEN
    assert (day["value_donor"], day["value_merchant"]) == (5 * RICE_FEN, 4 * COAT_FEN)
    assert straight[VILLAGE, date(2026, 3, 2)]["needs"] == straight[OTHER_VILLAGE, date(2026, 3, 2)]["needs"] == 1


def test_the_government_gets_the_part_that_no_match_covers(straight: dict[Any, Any]) -> None:
    day = straight["", date(2026, 4, 1)]
    assert (day["needs"], day["closed"], day["refused"], day["lapsed"]) == (1, 1, 1, 1)
    assert (day["value_merchant"], day["value_government"], day["delivered"]) == (7 * RICE_FEN, 13 * RICE_FEN, 1)
    assert "met_elsewhere" not in day


def test_a_dispute_counts_on_its_first_day_and_until_its_end(straight: dict[Any, Any]) -> None:
    day = straight[CITY, date(2026, 4, 6)]
    assert (day["disputes"], day["disputes_open"]) == (2, 1)
    assert straight[OTHER_VILLAGE, date(2026, 4, 6)] == {"disputes": 1, "disputes_open": 1}
    assert straight["", date(2026, 4, 7)] == {"appeals": 1}


def test_households_count_where_they_live_and_mistakes_nowhere(database: RolledBack) -> None:
    day, here = date(2026, 2, 1), {"region": VILLAGE, "registered_at": "2026-02-01"}
    first = [event(HouseholdRegistered, household_id=name, version=1, **here) for name in ("moved", "died", "twice")]
    later = [
        event(HouseholdMoved, household_id="moved", version=2, region=OTHER_VILLAGE, former_region=VILLAGE, moved_at="2026-02-03"),
        event(HouseholdEnded, household_id="died", version=2, region=VILLAGE, reason="died", ended_at="2026-02-03"),
        event(HouseholdEnded, household_id="twice", version=2, region=VILLAGE, reason="merged", ended_at="2026-02-03"),
    ]
    for order in ([*first, *later], [*later, *first], [*first, *later, *first]):
        with database.case():
            publish(database, order)
            found = counted(database)
            assert found[VILLAGE, day]["households"] == found[OTHER_VILLAGE, day]["households"] == 1
            assert found[CITY, day]["households"] == 2


def test_kinds_of_a_later_release_are_left_alone(database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("INSERT INTO stale (kind, thing) VALUES ('parcel', gen_random_uuid())"))
    publish(database, [need("flour", "2026-03-02")])
    with database.begin() as session:
        assert session.scalars(text("SELECT kind FROM stale")).all() == ["parcel"]


@pytest.mark.parametrize(
    ("ending", "government"),
    [
        (event(NeedClosed, need_id="flour", version=3, region=VILLAGE, reason="met_elsewhere", closed_at="2026-03-20"), 10 * RICE_FEN),
        (event(NeedClosed, need_id="flour", version=3, region=VILLAGE, reason="no_longer_needed", closed_at="2026-03-20"), 0),
        (event(NeedWithdrawn, need_id="flour", version=3, region=VILLAGE, withdrawn_at="2026-03-20"), 0),
    ],
)
def test_accepted_matches_count_even_if_the_need_ends_later(database: RolledBack, ending: Event, government: int) -> None:
    flour = need("flour", "2026-03-02", quantity=100)
    match = accepted("m", flour, "donor", "2026-03-05", 90)
    ended = event(MatchNeedEnded, match_id="m", need_id="flour", pledger_id="donor", version=3, quantity=90, ended_at="2026-03-20")
    publish(database, [giver("donor", "2026-03-01"), flour, match, ending, ended])
    day = counted(database)["", date(2026, 3, 2)]
    assert (day["helped"], day["matches"], day["within_3"], day["weight_met"]) == (1, 1, 1, 90 * RICE_FEN)
    assert (day["value_donor"], day.get("value_government", 0)) == (90 * RICE_FEN, government)
    assert "met_elsewhere" not in day


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (event(NeedWithdrawn, need_id="flour", version=3, region=VILLAGE, withdrawn_at="2026-03-20"), "withdrawn"),
        (event(NeedClosed, need_id="flour", version=3, region=VILLAGE, reason="no_longer_needed", closed_at="2026-03-20"), "closed"),
    ],
)
def test_ended_needs_count_by_their_end(database: RolledBack, ending: Event, state: str) -> None:
    publish(database, [need("flour", "2026-03-02"), ending])
    day = counted(database)["", date(2026, 3, 2)]
    assert {name: day[name] for name in ("withdrawn", "closed") if name in day} == {state: 1}


def test_a_declined_promise_does_not_count_as_help(database: RolledBack) -> None:
    declined = replace(of_match(MatchDeclined, "m8", "donor", 3, declined_at="2026-03-06"), need_id=RICE.need_id, was_accepted=True)
    publish(database, [giver("donor", "2026-03-01"), RICE, replace(accepted("m8", RICE, "donor", "2026-03-05", 5), version=2)])
    assert counted(database)["", date(2026, 3, 2)]["helped"] == 1
    publish(database, [declined])
    day = counted(database)["", date(2026, 3, 2)]
    assert (day["needs"], day.get("helped", 0), day.get("matches", 0)) == (1, 0, 0)


def test_people_count_once_a_week_and_month_where_registered(straight: dict[Any, Any]) -> None:
    assert straight[CITY, date(2026, 3, 5)]["active_day"] == 1
    assert straight["51", date(2026, 3, 1)]["active_month"] == 3
    assert straight["51", date(2026, 3, 2)]["active_week"] == 2
    assert straight["51", date(2026, 3, 1)]["registered"] == 2
    assert straight[VILLAGE, date(2026, 2, 1)] == {"households": 1, "registered": 1}


@pytest.mark.parametrize("published", [LIVE, REPUBLISHED])
@settings(
    max_examples=100 if os.environ.get("CAMPAIGN") else 10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_any_order_and_repetition_gives_the_same_counts(
    engine: RolledBack, straight: dict[Any, Any], published: list[Event], seed: int
) -> None:
    chance = random.Random(seed)
    events = chance.sample(published, len(published)) + chance.choices(published, k=5)
    chance.shuffle(events)
    with engine.trial() as database:
        for one in events:
            handle(database, one)
            if chance.random() < 0.15:
                count(database)
        count(database)
        assert counted(database) == straight


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the check, a late older version overwrites a newer one")
def test_counts_depend_on_the_order_without_version_checks(
    engine: RolledBack, straight: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "case", lambda pair, **_: pair[1])
    with engine.trial() as database:
        publish(database, reversed(LIVE))
        assert counted(database) == straight


def test_a_batch_gives_the_same_counts_as_single_events(database: RolledBack, straight: dict[Any, Any]) -> None:
    by_kind: dict[type[Event], list[Any]] = {}
    for one in LIVE:
        by_kind.setdefault(type(one), []).append(one)
    with database.begin() as session:
        for kind, events in by_kind.items():
            handler = HANDLERS[kind]
            handler.list_handler(getattr(Worker(), handler.method))(session, [*events, *events])
    count(database)
    assert counted(database) == straight


def test_a_person_who_moves_counts_in_the_new_region_only(database: RolledBack) -> None:
    person = giver("donor", "2026-03-01")
    offer = event(PledgeOffered, pledge_id="p", pledger_id="donor", version=1, offered_at="2026-03-04")
    publish(database, [person, offer])
    moved = event(UserRegistered, user_id="donor", kind="donor", region="5107", registered_at="2026-03-01", version=2)
    publish(database, [moved, person])
    assert {region for region, _ in counted(database)} == {"", "51", "5107"}


def test_a_moment_belongs_to_its_day_in_shanghai(database: RolledBack) -> None:
    person = giver("late", "2026-03-01")
    early, late = at("2026-03-02", 0), at("2026-03-01", 23)
    publish(database, [replace(person, registered_at=early), replace(person, user_id=someone("other"), registered_at=late)])
    assert {day for _, day in counted(database)} == {date(2026, 3, 1), date(2026, 3, 2)}


def test_the_migration_to_helped_by_counts_old_needs_again(database: RolledBack, straight: dict[Any, Any]) -> None:
    publish(database, LIVE)
    added = import_module("insight.migrations.versions.0002_helped_by")
    with database.begin() as session, Operations.context(MigrationContext.configure(session.connection())):
        added.downgrade()
        added.upgrade()
    assert counted(database) != straight
    count(database)
    assert counted(database) == straight


def test_counting_twice_changes_nothing_and_leaves_no_marks(database: RolledBack) -> None:
    publish(database, LIVE)
    before = counted(database)
    count(database)
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM stale")) == 0
    assert counted(database) == before


without_triggers = pytest.mark.xfail(strict=True, raises=AssertionError, reason="without triggers months stand still")


@pytest.mark.parametrize("is_unguarded", [False, pytest.param(True, marks=without_triggers)])
def test_totals_of_months_equal_the_sums_of_their_days(database: RolledBack, is_unguarded: bool) -> None:
    if is_unguarded:
        with database.begin() as session:
            session.execute(text("ALTER TABLE totals DISABLE TRIGGER USER"))
    for one in LIVE:
        publish(database, [one])
    sums = ", ".join(f"sum({name}) AS {name}" for name in MEASURES)
    names = ", ".join(MEASURES)
    recounted = f"SELECT level, region, CAST(date_trunc('month', day) AS date) AS day, {sums} FROM totals WHERE level <= 6 GROUP BY 1, 2, 3"
    kept = f"SELECT level, region, day, {names} FROM month_totals"
    assert database.found(text(f"SELECT count(*) FROM ({kept}) AS kept")) != [(0,)]
    assert database.found(text(f"({recounted} EXCEPT ALL {kept}) UNION ALL ({kept} EXCEPT ALL {recounted})")) == []
