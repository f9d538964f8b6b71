"""Goods with a best-before date: nothing is proposed or promised that would be over on arrival; deadlines and reminders follow the date."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import now
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold
from chassis.testing.twins import altered, unguarded
from contracts.matching import ClaimFailed, MatchAccepted, MatchProposed, MatchReceiptReminded
from contracts.needs import NeedPublished, PledgeOffered
from matching.book import best_before as dates
from matching.intake import actions as intake
from matching.intake import moves
from matching.matches import perishable, unsent
from matching.matches.actions import claims
from matching.snapshots import SNAPSHOTS

from .conftest import DAYS, VILLAGE, changed, clear, offered, published, told
from .test_delivery import SENDING

AT = datetime(2026, 11, 30, tzinfo=UTC)


def book(database: RolledBack, need: NeedPublished, pledge: PledgeOffered) -> None:
    with database.begin() as session:
        intake.book_needs(session, [need])
        claims.book_and_claim(session, [pledge])


def run(database: RolledBack, act: Any, *given: Any) -> Any:
    with database.begin() as session:
        return act(session, *given)


def promised(client: Client, database: RolledBack, giver: Person, days: float) -> dict[str, Any]:
    """Return an accepted match of goods with so many days until their date."""
    book(database, published(), offered(pledger_id=giver.id, best_before=now() + days * DAYS))
    clear(database)
    path = f"/v1/matches/{told(database, MatchProposed)[-1].match_id}"
    match: dict[str, Any] = client.post(f"{path}/acceptance", by=giver).json
    return match


def left(moment: str) -> timedelta:
    return datetime.fromisoformat(moment) - datetime.now(UTC)


def test_validity_ends_five_days_before_the_date() -> None:
    assert dates.limit_validity(AT, None) == AT
    assert dates.limit_validity(AT + 30 * DAYS, AT + 12 * DAYS) == AT + 7 * DAYS
    assert dates.limit_validity(AT + 3 * DAYS, AT + 12 * DAYS) == AT + 3 * DAYS


def test_time_to_send_leaves_two_days_on_the_way() -> None:
    assert dates.limit_sending(AT + 14 * DAYS, None, AT) == AT + 14 * DAYS
    assert dates.limit_sending(AT + 14 * DAYS, AT + 30 * DAYS, AT) == AT + 14 * DAYS
    assert dates.limit_sending(AT + 14 * DAYS, AT + 9 * DAYS, AT) == AT + 7 * DAYS
    assert dates.limit_sending(AT + 14 * DAYS, AT + 2 * DAYS, AT) == AT + timedelta(hours=12)


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the date, goods are proposed that would be over on arrival")])
def test_goods_that_would_be_over_are_not_proposed(database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_guarded: bool) -> None:
    """The event says a longer validity: matching keeps to the date by itself."""
    if not is_guarded:
        monkeypatch.setattr(intake, "limit_validity", lambda valid_until, _: valid_until)
    book(database, published(), offered(best_before=now() + 4.9 * DAYS))
    assert clear(database) == 0
    book(database, published(), offered(best_before=now() + 5.1 * DAYS))
    assert clear(database) > 0


def test_proposal_is_to_be_answered_in_time_to_send(database: RolledBack) -> None:
    book(database, published(), offered(best_before=now() + 6 * DAYS))
    clear(database)
    [proposed] = told(database, MatchProposed)
    assert proposed.answer_by - proposed.proposed_at < timedelta(days=1.01)


def test_claim_of_goods_that_would_be_over_is_refused(client: Client, database: RolledBack) -> None:
    giver, need = Person("donor"), published()
    pledge = offered(pledger_id=giver.id, best_before=now() + 4.9 * DAYS)
    book(database, need, pledge)
    claim = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 5}
    assert client.post("/v1/claims", claim, by=giver).json["code"] == "not_enough"
    book(database, need, offered(pledger_id=giver.id, best_before=now() + 4.9 * DAYS, claims=need.need_id))
    [failed] = told(database, ClaimFailed)
    assert failed.reason == "not_enough"
    book(database, need, offered(pledger_id=giver.id, best_before=now() + 5.1 * DAYS, claims=need.need_id))
    [accepted] = told(database, MatchAccepted)
    assert accepted.send_by is not None
    assert accepted.send_by - accepted.accepted_at < timedelta(days=3.2)


def test_both_sides_see_the_date(client: Client, database: RolledBack) -> None:
    giver, agent = Person("donor"), administrator_of(database, VILLAGE)
    date = now() + 20 * DAYS
    book(database, published(poster_id=agent.id), offered(pledger_id=giver.id, best_before=date))
    clear(database)
    for side in (giver, agent):
        [match] = client.get("/v1/matches", by=side).json["items"]
        assert datetime.fromisoformat(match["best_before"]) == date


def test_deadline_to_send_follows_the_date(client: Client, database: RolledBack) -> None:
    assert timedelta(days=6.9) < left(promised(client, database, Person("donor"), 9)["send_by"]) < timedelta(days=7)


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the date of the match, a renewed deadline is too late")])
def test_renewed_deadline_follows_the_date_too(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    """A need that moved gives its givers a new time to send."""
    if not is_guarded:
        monkeypatch.setattr(unsent, "set_send_deadline", altered(unsent.set_send_deadline, "match.best_before", "None"))
    match = promised(client, database, giver := Person("donor"), 9)
    with database.begin() as session:
        moves.renew_time_to_send(session, {told(database, MatchProposed)[-1].need_id})
    run(database, unsent.set_missing_deadlines)
    shown = client.get(f"/v1/matches/{match['id']}", by=giver).json
    assert left(shown["send_by"]) < timedelta(days=7)


def test_earlier_date_shortens_the_time_to_send(client: Client, database: RolledBack) -> None:
    giver = Person("donor")
    pledge = offered(pledger_id=giver.id, quantity=50, best_before=now() + 9 * DAYS)
    book(database, published(), pledge)
    clear(database)
    path = f"/v1/matches/{told(database, MatchProposed)[-1].match_id}"
    client.post(f"{path}/acceptance", by=giver)
    for version, days, most in ((2, 30, 7), (3, 5, 3), (4, 1, 0.5)):
        change = changed(pledge, version=version, best_before=now() + days * DAYS)
        run(database, intake.change_pledge, change)
        shown = client.get(path, by=giver).json
        assert datetime.fromisoformat(shown["best_before"]) == change.best_before
        assert timedelta(days=most - 0.1) < left(shown["send_by"]) <= timedelta(days=most), "never longer than before"


def test_unsent_goods_are_given_back_before_they_are_over(client: Client, database: RolledBack) -> None:
    match = promised(client, database, giver := Person("donor"), 9)
    with database.begin() as session:
        session.execute(text("UPDATE matches SET send_by = send_by - interval '7 days', best_before = best_before - interval '7 days'"))
    assert run(database, unsent.end_unsent_matches) == 1
    shown = client.get(f"/v1/matches/{match['id']}", by=giver).json
    assert (shown["state"], shown["ended_because"]) == ("closed", "giver_no_show")


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the mark, the village is reminded every minute")])
def test_receiver_of_goods_on_the_way_is_reminded_once(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        mark = "Match.goods_reminded_at.is_(None)"
        monkeypatch.setattr(perishable, "remind_receivers", altered(perishable.remind_receivers, f"{mark}, ", ""))
    match = promised(client, database, giver := Person("donor"), 9)
    assert run(database, perishable.remind_receivers) == 0
    client.post(f"/v1/matches/{match['id']}/sending", SENDING, by=giver)
    assert run(database, perishable.remind_receivers) == 0
    with database.begin() as session:
        session.execute(text("UPDATE matches SET best_before = now() + interval '23 hours'"))
    assert [run(database, perishable.remind_receivers) for _ in range(2)] == [1, 0]
    [event] = told(database, MatchReceiptReminded)
    assert (str(event.match_id), event.version, event.best_before > now()) == (match["id"], 4, True)
    assert_retold(database, SNAPSHOTS, {MatchProposed, MatchAccepted})


def test_lesson_is_not_claimed_for_a_job(client: Client, database: RolledBack) -> None:
    """A pledge for the whole group: items of one unit may be of several kinds."""
    giver, job = Person("donor"), published(category="employment.job", unit="person", quantity=1)
    lesson = offered(pledger_id=giver.id, kind="training", category="employment", unit="person", quantity=3)
    book(database, job, lesson)
    claim = {"need_id": str(job.need_id), "pledge_id": str(lesson.pledge_id), "quantity": 1}
    assert client.post("/v1/claims", claim, by=giver).json["code"] == "does_not_fit"
    again = offered(pledger_id=giver.id, kind="training", category="employment", unit="person", quantity=3, claims=job.need_id)
    book(database, job, again)
    [failed] = told(database, ClaimFailed)
    assert failed.reason == "does_not_fit"


def test_claim_in_another_region_is_refused_in_every_way(client: Client, database: RolledBack) -> None:
    giver, need = Person("donor"), published()
    pledge = offered(pledger_id=giver.id, region="5107")
    book(database, need, pledge)
    assert clear(database) == 0
    claim = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 1}
    assert client.post("/v1/claims", claim, by=giver).json["code"] == "does_not_fit"
    book(database, need, offered(pledger_id=giver.id, region="5107", claims=need.need_id))
    [failed] = told(database, ClaimFailed)
    assert failed.reason == "does_not_fit"


def test_offer_for_a_need_keeps_to_the_household_limit(database: RolledBack) -> None:
    need = published(quantity=50)
    book(database, need, offered(limit_per_household=20, quantity=100, claims=need.need_id))
    [accepted] = told(database, MatchAccepted)
    assert accepted.quantity == 20
