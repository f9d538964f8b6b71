"""Accepted matches that are not sent: reminders, the end at the deadline, and races with a sending at that moment."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.http.auth import Caller
from chassis.problems import Problem
from chassis.testing.fixtures import Client, RolledBack, assert_retold
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchAccepted, MatchClosed, MatchProposed, MatchSendReminded
from matching.checks.actions import run_checks
from matching.intake import actions as intake
from matching.matches import deadlines, unsent
from matching.matches.actions import answers, delivery
from matching.snapshots import SNAPSHOTS

from .conftest import DAYS, clear, offered, published, told, withdrawn
from .test_delivery import SENDING, Promise


@pytest.fixture
def promise(client: Client, database: RolledBack) -> Promise:
    return Promise(client, database, quantity=30)


def passes(database: RolledBack, days: float) -> None:
    """Let time pass for every accepted match."""
    with database.begin() as session:
        session.execute(
            text("UPDATE matches SET send_by = send_by - :time, send_reminder_at = send_reminder_at - :time"), {"time": days * DAYS}
        )


def run(database: RolledBack, timer: Callable[[Any], int]) -> int:
    with database.begin() as session:
        return timer(session)


def offended(database: Database) -> list[str]:
    """The checks of the audit that find a wrong row."""
    with database.begin() as session:
        return [finding.check.code for finding in run_checks(session) if finding.row]


@pytest.mark.parametrize(
    ("category", "days"),
    [("food.rice", 14), ("employment.job", 60), ("education.tutoring", 30), ("education.books", 14), ("housing", 30), ("housings", 14)],
)
def test_time_to_send_follows_the_item_or_its_group(category: str, days: int) -> None:
    assert deadlines.time_to_send(category) == timedelta(days=days)


def test_an_accepted_match_shows_until_when_to_send(promise: Promise, database: RolledBack) -> None:
    shown = promise.client.get(promise.path, by=promise.giver).json
    left = datetime.fromisoformat(shown["send_by"]) - datetime.now(UTC)
    assert timedelta(days=13.9) < left < timedelta(days=14)
    assert told(database, MatchAccepted)[-1].send_by == datetime.fromisoformat(shown["send_by"])


def test_a_proposal_has_no_deadline_to_send_and_a_claim_has(client: Client, promise: Promise, database: RolledBack) -> None:
    with database.begin() as session:
        intake.book_needs(session, [need := published(quantity=5, category="food.oil", unit="l")])
        intake.book_pledges(session, [pledge := offered(category="food.oil", unit="l", pledger_id=promise.giver.id)])
    body = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 2}
    claimed = client.post("/v1/claims", body, by=promise.giver).json
    assert claimed["send_by"]
    with database.begin() as session:
        moved = session.execute(text('SELECT kind, quantity, "by" FROM movements WHERE match_id = :id'), {"id": claimed["id"]}).all()
    assert [tuple(row) for row in moved] == [("promised", 2, promise.giver.id)]
    clear(database)
    [proposed] = client.get("/v1/matches", by=promise.giver, state="proposed").json["items"]
    assert proposed["send_by"] is None


def test_the_giver_is_reminded_at_half_time_and_two_days_before(promise: Promise, database: RolledBack) -> None:
    assert run(database, unsent.remind_senders) == 0
    reminders = []
    for day in range(14):
        passes(database, 1)
        reminders += [day + 1] * run(database, unsent.remind_senders)
        assert run(database, unsent.remind_senders) == 0, "once only"
    assert reminders == [7, 12]
    [first, second] = told(database, MatchSendReminded)
    assert (first.version, second.version, second.quantity, second.pledger_id) == (3, 4, 30, promise.giver.id)


def test_a_missed_first_reminder_is_not_followed_by_the_second(promise: Promise, database: RolledBack) -> None:
    passes(database, 13)
    assert [run(database, unsent.remind_senders) for _ in range(2)] == [1, 0]


def test_nobody_is_reminded_once_it_is_sent(promise: Promise, database: RolledBack) -> None:
    promise.does("sending", SENDING, promise.giver)
    passes(database, 8)
    assert run(database, unsent.remind_senders) == 0
    passes(database, 8)
    assert run(database, unsent.end_unsent_matches) == 0


def test_nobody_is_reminded_when_the_need_has_ended(promise: Promise, database: RolledBack) -> None:
    with database.begin() as session:
        intake.end_needs(session, [withdrawn(promise.need)])
    passes(database, 8)
    assert run(database, unsent.remind_senders) == 0


def test_an_unsent_match_ends_as_a_no_show_and_both_are_free(promise: Promise, database: RolledBack) -> None:
    passes(database, 13.9)
    assert run(database, unsent.end_unsent_matches) == 0
    assert promise.rests() == (20, 50)
    passes(database, 0.2)
    assert [run(database, unsent.end_unsent_matches) for _ in range(2)] == [1, 0]
    assert promise.rests() == (50, 80)
    shown = promise.client.get(promise.path, by=promise.giver).json
    assert (shown["state"], shown["ended_because"], shown["delivery"]["returned"]) == ("closed", "giver_no_show", 30)
    [event] = told(database, MatchClosed)
    assert (event.reason, event.quantity, event.sent, event.received, event.version) == ("giver_no_show", 30, 0, 0, 3)
    [mark] = promise.client.get("/v1/marks", by=promise.giver).json["items"]
    assert (mark["kind"], mark["bad"], mark["allowed"]) == ("no_show", 2, ["appeal_mark"])
    assert promise.does("sending", SENDING, promise.giver) == (409, "state_conflict")
    assert offended(database) == []


def test_all_units_of_two_no_shows_for_one_need_are_free(promise: Promise, database: RolledBack) -> None:
    with database.begin() as session:
        intake.book_needs(session, [need := published(quantity=9, category="food.oil", unit="l")])
        intake.book_pledges(session, [pledge := offered(category="food.oil", unit="l", pledger_id=promise.giver.id)])
    body = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id)}
    for quantity in (2, 3):
        assert promise.client.post("/v1/claims", body | {"quantity": quantity}, by=promise.giver).status_code == 201
    passes(database, 15)
    assert run(database, unsent.end_unsent_matches) == 3
    with database.begin() as session:
        assert session.scalar(text("SELECT rest FROM needs WHERE id = :id"), {"id": need.need_id}) == 9
    assert offended(database) == []


def test_units_of_a_no_show_are_matched_again_with_others(promise: Promise, database: RolledBack) -> None:
    passes(database, 15)
    run(database, unsent.end_unsent_matches)
    other, need = offered(quantity=100), published(quantity=60)
    with database.begin() as session:
        intake.book_pledges(session, [other])
        intake.book_needs(session, [need])
    before = len(told(database, MatchProposed))
    while clear(database):
        pass
    again = {(event.need_id, event.pledge_id) for event in told(database, MatchProposed)[before:]}
    assert (promise.need.need_id, other.pledge_id) in again
    assert (promise.need.need_id, promise.pledge.pledge_id) not in again, "the pair is not proposed again"


def test_a_giver_who_waits_because_the_need_ended_is_no_no_show(promise: Promise, database: RolledBack) -> None:
    with database.begin() as session:
        intake.end_needs(session, [withdrawn(promise.need)])
    passes(database, 15)
    assert run(database, unsent.end_unsent_matches) == 1
    assert told(database, MatchClosed)[0].reason == "need_over"
    assert promise.rests() == (0, 80)
    assert promise.client.get("/v1/marks", by=promise.giver).json["items"] == []
    assert offended(database) == []


def test_acceptances_of_before_count_from_the_upgrade(promise: Promise, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE matches SET send_by = NULL, send_reminder_at = NULL, answered_at = now() - interval '1 year'"))
    assert run(database, unsent.end_unsent_matches) == run(database, unsent.remind_senders) == 0
    assert [run(database, unsent.set_missing_deadlines) for _ in range(2)] == [1, 0]
    left = datetime.fromisoformat(promise.client.get(promise.path, by=promise.giver).json["send_by"]) - datetime.now(UTC)
    assert timedelta(days=13.9) < left <= timedelta(days=14)


def test_a_reminder_to_send_is_told_anew_as_it_was_told(promise: Promise, database: RolledBack) -> None:
    passes(database, 8)
    run(database, unsent.remind_senders)
    assert MatchSendReminded in {type(event) for event in assert_retold(database, SNAPSHOTS, {MatchProposed, MatchAccepted})}


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("matching", "matching_unsent"), name="unsent")
    yield database
    database.close()


def late_promise(database: Database) -> tuple[UUID, UUID]:
    """A match whose deadline to send has just passed: its id, and its pledger."""
    pledge = offered()
    with database.begin() as session:
        intake.book_needs(session, [published()])
        intake.book_pledges(session, [pledge])
    clear(database)  # type: ignore[arg-type]
    with database.begin() as session:
        match_id = session.scalars(text("SELECT id FROM matches")).one()
        answers.accept_match(session, Caller(pledge.pledger_id, "donor", session), match_id)
        session.execute(text("UPDATE matches SET send_by = now() - interval '1 second'"))
    return match_id, pledge.pledger_id


def ends(database: Database) -> int:
    with database.begin() as session:
        return unsent.end_unsent_matches(session)


def sends(database: Database, match_id: UUID, giver: UUID, quantity: int | None = None) -> str:
    try:
        with database.begin() as session:
            return delivery.send_match(session, Caller(giver, "donor", session), match_id, "in_person", quantity=quantity).state
    except Problem as problem:
        return problem.code


def state_of(database: Database) -> tuple[str, int]:
    """The state of the match, and how many units were returned."""
    with database.begin() as session:
        query = "SELECT state, coalesce(sum(movements.quantity) FILTER (WHERE kind = 'returned'), 0)::bigint FROM matches"
        return tuple(session.execute(text(f"{query} JOIN movements ON match_id = id GROUP BY 1")).one())  # type: ignore[return-value]


STILL_LATE = ".where(Match.id.in_([match.id for match in late]), is_late)"


@pytest.mark.parametrize(
    "condition",
    [STILL_LATE, unguarded(".where(Match.id.in_([match.id for match in late]))", "without a second look, a sent match ends as a no-show")],
)
def test_a_match_sent_at_the_deadline_stays_sent(real: Database, monkeypatch: pytest.MonkeyPatch, condition: str) -> None:
    monkeypatch.setattr(unsent, "end_unsent_matches", altered(unsent.end_unsent_matches, STILL_LATE, condition))
    match_id, giver = late_promise(real)

    def send(session: Any) -> None:
        delivery.send_match(session, Caller(giver, "donor", session), match_id, "in_person")

    assert meet_at_lock(real, send, [lambda: ends(real)]) == [0]
    assert state_of(real) == ("sent", 0)


def test_a_match_that_ends_at_the_deadline_is_not_sent(real: Database) -> None:
    match_id, giver = late_promise(real)
    assert meet_at_lock(real, unsent.end_unsent_matches, [lambda: sends(real, match_id, giver)]) == ["state_conflict"]
    assert state_of(real) == ("closed", 50)


@pytest.mark.parametrize("quantity", [None, 20])
def test_sending_and_two_timers_at_once_never_deadlock(real: Database, quantity: int | None) -> None:
    match_id, giver = late_promise(real)
    acts: list[Callable[[], Any]] = [lambda: ends(real), lambda: sends(real, match_id, giver, quantity), lambda: ends(real)]
    found = meet_at_lock(real, text("SELECT FROM pledges, matches FOR UPDATE"), acts)
    assert (sorted(map(str, found)), state_of(real)) in [
        (["0", "0", "sent"], ("sent", 50 - (quantity or 50))),
        (["0", "1", "state_conflict"], ("closed", 50)),
    ]
    assert offended(real) == []
