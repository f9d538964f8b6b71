"""Weights of counties: who may see and set them, which are refused, and their effect on clearings."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, altered_sql, unguarded
from contracts.matching import MatchProposed
from matching.allocation.score import DEFAULT, MAX_WEIGHT
from matching.api import api
from matching.book import clearing_queue
from matching.checks import pairs
from matching.checks.actions import run_checks
from matching.clearing import actions, completion
from matching.clearing.rules import Eligibility
from matching.weights import actions as setting
from matching.weights import deferral, queries, rules

from .conftest import DAYS, VILLAGE, clear, offered, published, told
from .test_balance import book

COUNTY, CITY, NEIGHBOUR = VILLAGE[:6], VILLAGE[:4], "510981"
VALUES = {name: value for name, value in asdict(DEFAULT).items() if name != "version"}
EQUAL = dict.fromkeys(VALUES, 0) | {"threshold": 1}
PATIENT = VALUES | {"urgency": 100, "waiting_day": 500}


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, COUNTY)


def put(client: Client, by: Person, region: str = COUNTY, seen: str | None = "*", **body: Any) -> Any:
    return client.put(f"/v1/weights?region={region}", body, by=by, seen=seen)


def test_without_any_set_the_software_s_own_holds_everywhere(client: Client, county: Person) -> None:
    answer = client.get("/v1/weights", by=county, region=COUNTY)
    assert (answer.status_code, answer.json["version"], answer.json["history"]) == (200, 0, [])
    assert answer.json["in_force"]["weights"] == VALUES
    assert (answer.json["in_force"]["region"], answer.json["in_force"]["version"], answer.json["in_force"]["set_by"]) == ("", 1, None)
    assert answer.json["allowed"] == ["set_weights"]


def test_versions_count_up_and_all_of_them_stay(client: Client, county: Person) -> None:
    first = put(client, county, seen='"0"', **PATIENT)
    assert (first.status_code, first.json["version"]) == (200, 1)
    second = put(client, county, seen=first.headers["ETag"], **EQUAL)
    assert second.json["version"] == 2
    assert [one["version"] for one in second.json["history"]] == [2, 1]
    assert second.json["in_force"]["weights"] == EQUAL
    assert second.json["history"][1]["weights"] == PATIENT
    assert second.json["in_force"]["set_by"] == str(county.id)


def test_first_national_weights_follow_the_defaults(client: Client, database: RolledBack) -> None:
    country = administrator_of(database, "")
    assert put(client, country, region="", seen='"1"', **PATIENT).json["version"] == 2
    assert client.get("/v1/weights", by=administrator_of(database, COUNTY), region=COUNTY).json["in_force"]["version"] == 2


def test_what_was_set_meanwhile_is_not_overwritten_unseen(client: Client, county: Person) -> None:
    assert put(client, county, **PATIENT).status_code == 200
    assert (put(client, county, seen='"0"', **EQUAL).json["code"], put(client, county, seen=None, **EQUAL).status_code) == ("stale", 428)


def test_lower_administrator_sees_but_cannot_set_weights(client: Client, database: RolledBack) -> None:
    village = administrator_of(database, VILLAGE)
    for region in (COUNTY, CITY, ""):
        answer = client.get("/v1/weights", by=village, region=region)
        assert (answer.status_code, answer.json["allowed"]) == (200, [])
        assert put(client, village, region=region, **VALUES).status_code == 404


@pytest.mark.parametrize("managed", [NEIGHBOUR, "33"])
def test_stranger_neither_sees_nor_sets_weights(client: Client, database: RolledBack, managed: str) -> None:
    stranger = administrator_of(database, managed)
    assert client.get("/v1/weights", by=stranger, region=COUNTY).status_code == 404
    assert put(client, stranger, **VALUES).status_code == 404


@pytest.mark.parametrize("kind", ["donor", "household"])
def test_who_administers_nothing_is_not_let_in(client: Client, database: RolledBack, kind: str) -> None:
    assert client.get("/v1/weights", by=Person(kind), region=COUNTY).status_code == 403
    assert put(client, Person(kind), **VALUES).status_code == 403


def test_the_city_may_set_what_holds_in_its_county(client: Client, database: RolledBack) -> None:
    assert put(client, administrator_of(database, CITY), **VALUES).status_code == 200


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"urgency": 10, "splitting": 11}, ["splitting"]),
        ({"threshold": 10_052}, ["threshold"]),
        ({"valid_from": "2020-01-01T00:00:00Z"}, ["valid_from"]),
        ({"valid_from": "2190-01-01T00:00:00Z", "threshold": 200_001}, ["threshold", "valid_from"]),
    ],
)
def test_invalid_weights_are_refused_by_name_in_both_languages(
    client: Client, county: Person, changes: dict[str, Any], wrong: list[str]
) -> None:
    answer = put(client, county, **VALUES | changes)
    assert (answer.status_code, answer.json["code"]) == (422, "weights_wrong")
    assert [error["pointer"] for error in answer.json["errors"]] == [f"#/{name}" for name in wrong]
    assert "权重不合理" in answer.json["title"]


@pytest.mark.parametrize(
    "changes", [{"urgency": -1}, {"nearer": MAX_WEIGHT + 1}, {"exact": 1.5}, {"threshold": 0}, {"version": 3}, {"new": 1}]
)
def test_wild_weights_are_refused_by_name(client: Client, county: Person, changes: dict[str, Any]) -> None:
    answer = put(client, county, **VALUES | changes)
    assert (answer.status_code, [error["pointer"] for error in answer.json["errors"]]) == (422, [f"#/{name}" for name in changes])


@pytest.mark.parametrize("region", ["510903001", "999999", "5109031"])
def test_only_counties_and_what_is_above_them_have_weights(client: Client, database: RolledBack, region: str) -> None:
    assert put(client, administrator_of(database, ""), region=region, **VALUES).status_code == 422


def test_future_weights_wait_and_newer_ones_replace_them(client: Client, county: Person) -> None:
    tomorrow = (datetime.now(UTC) + DAYS).isoformat()
    later = put(client, county, **EQUAL | {"valid_from": tomorrow})
    assert (later.json["version"], later.json["in_force"]["region"]) == (1, "")
    assert put(client, county, **PATIENT).json["in_force"]["version"] == 2


TAKE_TURNS = """    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("matching.weights"), func.hashtext(region))))
"""
LAST_VERSION = "ORDER BY region, version DESC"


@pytest.mark.parametrize(
    "order",
    [
        LAST_VERSION,
        unguarded("ORDER BY region, valid_from DESC", "by its beginning, a replaced set comes into force later"),
    ],
)
def test_replaced_weights_never_come_into_force(
    client: Client, county: Person, database: RolledBack, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(queries, "_IN_FORCE", altered_sql(queries._IN_FORCE, LAST_VERSION, order))
    put(client, county, **EQUAL | {"valid_from": (datetime.now(UTC) + DAYS).isoformat()})
    put(client, county, **PATIENT)
    with database.begin() as session:
        for days in (0, 1, 2, 300):
            at = datetime.now(UTC) + days * DAYS + timedelta(minutes=1)
            assert queries.load_weights_in_force(session, [VILLAGE], at).of(VILLAGE)[1].version == 2
            assert queries.find_weight_set_in_force(session, VILLAGE, at).version == 2


def test_weights_hold_from_their_first_moment_on(client: Client, county: Person, database: RolledBack) -> None:
    begins = datetime.now(UTC) + DAYS
    put(client, county, **PATIENT | {"valid_from": begins.isoformat()})
    with database.begin() as session:
        for at, version in ((begins - timedelta(microseconds=1), 1), (begins, 1), (begins + DAYS, 1)):
            region, weights = queries.load_weights_in_force(session, [VILLAGE], at).of(VILLAGE)
            assert (region, weights.version) == (("", DEFAULT.version) if at < begins else (COUNTY, version))


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_from": timedelta(0)},
        {"valid_from": timedelta(seconds=-1)},
        {"valid_from": rules.LONGEST_AHEAD},
        {"valid_from": rules.LONGEST_AHEAD + timedelta(seconds=1)},
    ],
)
def test_weights_begin_between_now_and_a_year_ahead(changes: dict[str, timedelta]) -> None:
    at, ahead = datetime.now(UTC), changes["valid_from"]
    wrong = rules.find_wrong_fields(DEFAULT, at + ahead, at)
    assert wrong == ([] if timedelta(0) <= ahead <= timedelta(days=366) else ["valid_from"])


def test_clearing_weighs_by_the_set_that_holds_at_its_moment(
    client: Client, county: Person, database: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, county, **PATIENT | {"valid_from": (datetime.now(UTC) + DAYS).isoformat()})
    book(database, [published()], [offered(quantity=50)])
    assert len(settle(database)) == 1
    with database.begin() as session:
        assert session.execute(text("SELECT weights_region, weights_version FROM matches")).all() == [("", DEFAULT.version)]
    monkeypatch.setattr(actions, "now", lambda: datetime.now(UTC) + 2 * DAYS)
    book(database, [published()], [offered(quantity=50)])
    settle(database)
    with database.begin() as session:
        used = session.execute(text("SELECT weights_region, weights_version FROM matches ORDER BY proposed_at DESC, id DESC LIMIT 1")).one()
    assert used == (COUNTY, 1)


def test_what_is_to_hold_later_holds_then(client: Client, county: Person, database: RolledBack) -> None:
    put(client, county, **PATIENT)
    put(client, county, **EQUAL | {"valid_from": (datetime.now(UTC) + DAYS).isoformat()})
    with database.begin() as session:
        for after, version in ((0 * DAYS, 1), (2 * DAYS, 2)):
            assert queries.load_weights_in_force(session, [VILLAGE], datetime.now(UTC) + after).of(VILLAGE)[1].version == version


@pytest.mark.parametrize(
    "guarded",
    [True, unguarded(False, "without the lock, the second breaks")],
)
def test_two_who_set_at_once_take_turns_and_the_second_is_told(
    database_of: Callable[[str, str], str], keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    database = Database(database_of("matching", "matching_weights"), name="weights")
    clients = [Client(create_app("matching", api, database=database, keys=keys).test_client(), keys) for _ in range(2)]
    people = [administrator_of(database, COUNTY) for _ in range(2)]
    acts = [lambda one=one, who=who: put(one, who, seen='"0"', **PATIENT).status_code for one, who in zip(clients, people, strict=True)]
    if not guarded:
        monkeypatch.setattr(setting, "set_weights", altered(setting.set_weights, TAKE_TURNS))
    assert sorted(meet_at_lock(database, text("LOCK TABLE weights IN EXCLUSIVE MODE"), acts)) == [200, 412]
    database.close()


def settle(database: RolledBack) -> list[MatchProposed]:
    while clear(database):
        pass
    return told(database, MatchProposed)


def test_clearing_uses_and_records_the_countys_weights(client: Client, county: Person, database: RolledBack) -> None:
    put(client, county, **PATIENT)
    urgent, patient = published(urgency="critical"), published(posted_at=datetime.now(UTC) - 200 * DAYS)
    book(database, [urgent, patient], [offered(quantity=50, region="51")])
    [proposal] = settle(database)
    assert proposal.need_id == patient.need_id
    assert {"decided_by_waiting"} <= {reason.code for reason in proposal.reasons}
    answer = client.get(f"/v1/matches/{proposal.match_id}", by=county).json
    assert (answer["score"]["weights_region"], answer["score"]["weights_version"]) == (COUNTY, 1)
    assert answer["score"]["parts"]["waiting"] == 100_000
    assert answer["score"]["value"] == sum(answer["score"]["parts"].values())


def test_changed_weights_leave_old_scores_alone(client: Client, county: Person, database: RolledBack) -> None:
    book(database, [published()], [offered(quantity=50)])
    [proposal] = settle(database)
    before = client.get(f"/v1/matches/{proposal.match_id}", by=county).json["score"]
    put(client, county, **EQUAL)
    assert client.get(f"/v1/matches/{proposal.match_id}", by=county).json["score"] == before
    assert (before["weights_region"], before["weights_version"]) == ("", 1)


def test_heavy_weights_win_nothing_of_a_provincial_pledge(client: Client, county: Person, database: RolledBack) -> None:
    put(client, county, **VALUES | {"urgency": MAX_WEIGHT, "village": MAX_WEIGHT})
    book(database, [published(), published(urgency="urgent", region=f"{NEIGHBOUR}001001")], [offered(quantity=50, region="51")])
    assert [one.region for one in settle(database)] == [f"{NEIGHBOUR}001001"]


def test_equal_weights_still_match_everything(client: Client, county: Person, database: RolledBack) -> None:
    put(client, county, **EQUAL)
    book(database, [published(quantity=10**9), published(quantity=3), published(category="help.other")], [offered(quantity=10**9)])
    proposals = settle(database)
    assert sum(one.quantity for one in proposals) == 10**9
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM to_clear")) == 0


PICKY = dict.fromkeys(VALUES, 0) | {"urgency": 1_000, "waiting_day": 100, "exact": 50, "threshold": 1_051}


def listed(database: RolledBack) -> int:
    with database.begin() as session:
        return session.scalar(text("SELECT count(*) FROM to_clear")) or 0


@pytest.fixture
def picky(client: Client, database: RolledBack) -> RolledBack:
    """A county where an ordinary need has to wait for a day before it is worth anybody's pledge for a group."""
    assert put(client, administrator_of(database, COUNTY), **PICKY).status_code == 200
    return database


def group(**changes: Any) -> Any:
    return offered(**{"category": "food", "quantity": 50} | changes)


WITHOUT = str(completion._DONE).replace(deferral.NOT_DEFERRED, "true")


@pytest.mark.parametrize(
    "is_guarded",
    [
        True,
        unguarded(False, "what is worth too little is looked at for ever"),
    ],
)
@pytest.mark.parametrize("need_first", [True, False])
def test_pair_below_threshold_is_deferred_and_unqueued(
    picky: RolledBack, need_first: bool, is_guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_guarded:
        monkeypatch.setattr(completion, "_DONE", text(WITHOUT))
        monkeypatch.setattr(actions, "Eligibility", lambda needs, refused, low=(): Eligibility(needs, refused))
    for part in ([published()], []) if need_first else ([], [published()]):
        book(picky, part, [] if part else [group()])
        assert clear(picky) == 0
    assert listed(picky) == 0
    assert told(picky, MatchProposed) == []
    with picky.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM too_low")) == 1


def wait_a_day(database: RolledBack, waited: bool = True) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE too_low SET until = until - interval '1 day'"))
        if waited:
            session.execute(text("UPDATE needs SET posted_at = posted_at - interval '1 day'"))


def test_a_day_later_it_has_waited_longer_and_is_worth_it(picky: RolledBack) -> None:
    book(picky, [published()], [group()])
    clear(picky)
    with picky.begin() as session:
        assert deferral.requeue_deferred_needs(session) == 0
    wait_a_day(picky)
    with picky.begin() as session:
        assert deferral.requeue_deferred_needs(session) == 1
    assert clear(picky) == 1


def test_unchanged_pair_is_deferred_again_after_a_day(picky: RolledBack) -> None:
    book(picky, [published()], [group()])
    clear(picky)
    wait_a_day(picky, waited=False)
    with picky.begin() as session:
        assert deferral.requeue_deferred_needs(session) == 1
    assert (clear(picky), listed(picky)) == (0, 0)
    with picky.begin() as session:
        assert session.scalar(text("SELECT until > now() FROM too_low"))


def test_need_gets_only_the_pledge_above_its_threshold(picky: RolledBack) -> None:
    exact = offered(quantity=20)
    book(picky, [published()], [group(), exact])
    assert [one.pledge_id for one in settle(picky)] == [exact.pledge_id]
    assert listed(picky) == 0


def test_a_need_that_changed_is_weighed_anew(picky: RolledBack) -> None:
    need = published()
    book(picky, [need], [group()])
    clear(picky)
    wait = "UPDATE needs SET posted_at = posted_at - interval '1 day'"
    with picky.begin() as session:
        session.execute(text(wait))
        clearing_queue.add(session, "need", [need.need_id])
    assert clear(picky) == 1


def test_deferred_needs_do_not_hide_other_counties_needs(picky: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "_FITTING_NEEDS", text(str(completion._FITTING_NEEDS).replace("LIMIT 100)", "LIMIT 2)")))
    others = [published(posted_at=datetime.now(UTC) - timedelta(hours=20)) for _ in range(6)]
    mine = published(region=f"{NEIGHBOUR}001001")
    book(picky, [*others, mine])
    while listed(picky):
        clear(picky)
    book(picky, [], [group(region="51")])
    for _ in range(9):
        with picky.begin() as session:
            session.execute(text("UPDATE to_clear SET due_at = now()"))
        clear(picky)
    assert [one.need_id for one in told(picky, MatchProposed)] == [mine.need_id]


def test_two_clearings_with_many_weights_never_over_allocate(database_of: Callable[[str, str], str], keys: KnownKeys) -> None:
    database = Database(database_of("matching", "matching_weighing"), name="weighing", pool_size=20)
    client = Client(create_app("matching", api, database=database, keys=keys).test_client(), keys)
    country = administrator_of(database, "")
    for region, weights in ((COUNTY, PICKY), (CITY, PATIENT), (NEIGHBOUR, EQUAL), ("", VALUES | {"urgency": MAX_WEIGHT})):
        assert put(client, country, region=region, **weights).status_code == 200
    villages = (VILLAGE, f"{NEIGHBOUR}001001", f"{CITY}21001001", "330106001001")
    needs = [published(region=villages[n % 4], quantity=1 + n % 7, urgency=("normal", "urgent")[n // 4 % 2]) for n in range(80)]
    gifts = [group(quantity=1 + n % 9, region=("51", COUNTY, "", NEIGHBOUR)[n % 4]) for n in range(60)]

    def enter(number: int) -> None:
        for need, gift in zip(needs[number::4], gifts[number::4], strict=False):
            book(database, [need], [gift])

    def go_on(_: int) -> None:
        while True:
            with database.begin() as session:
                if not actions.clear(session, 3 * DAYS).due and not session.scalar(text("SELECT count(*) FROM to_clear")):
                    return

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(enter, number) for number in range(4)] + [pool.submit(go_on, number) for number in range(2)]
        [job.result() for job in jobs]
    go_on(0)
    with database.begin() as session:
        assert {finding.check.code: finding.row for finding in run_checks(session) if finding.row} == {}
        used = {(row.weights_region, row.weights_version) for row in session.execute(text("SELECT * FROM matches"))}
    assert used == {("", 2), (COUNTY, 1), (CITY, 1), (NEIGHBOUR, 1)}
    database.close()


def test_audit_ignores_deferred_pairs(picky: RolledBack) -> None:
    book(picky, [published()], [group()])
    clear(picky)
    [check] = pairs.CHECKS
    with picky.begin() as session:
        assert session.execute(text(check.statement)).all() == []
        session.execute(text("DELETE FROM too_low"))
        assert len(session.execute(text(check.statement)).all()) == 1


def test_waking_pairs_beside_a_clearing_never_deadlocks(database_of: Callable[[str, str], str]) -> None:
    database = Database(database_of("matching", "matching_awakening"), name="awakening", lock_timeout_ms=5_000)
    need = published()
    book(database, [need])
    with database.begin() as session:
        deferral.defer_pairs(session, {(need.need_id, ("food", "kg", ""))}, datetime.now(UTC) - 2 * DAYS)
        session.execute(text("UPDATE to_clear SET due_at = now() - interval '1 minute'"))

    def awaken() -> int:
        with database.begin() as session:
            return deferral.requeue_deferred_needs(session)

    with ThreadPoolExecutor() as pool:
        with database.begin() as clearing_one:
            clearing_one.execute(text("SELECT FROM to_clear FOR UPDATE"))
            awakened = pool.submit(awaken)
            with database.begin() as session:
                while not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                    time.sleep(0.01)
            deferral.end_deferrals(clearing_one, set(clearing_one.scalars(text("SELECT id FROM needs FOR UPDATE SKIP LOCKED"))))
        assert awakened.result() == 1
    database.close()
