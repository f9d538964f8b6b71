"""Needs move with their households: entry, matches and counts follow, whichever event comes first."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchLapsed, MatchProposed
from contracts.needs import NeedMoved, NeedPublished
from matching.balance import actions as balance
from matching.checks import quantities
from matching.intake import actions, moves
from matching.matches import unsent

from .conftest import VILLAGE, clear, offered, published, told, withdrawn
from .test_fairness import count, figures, miscounted

BESIDE, FAR = f"{VILLAGE[:9]}002", "510703001003"


def moved(need: NeedPublished, version: int = 3, **changes: Any) -> NeedMoved:
    stated = {name: getattr(need, name) for name in need.__struct_fields__}
    return NeedMoved(**stated | {"version": version, "region": BESIDE, "moved_at": datetime.now(UTC)} | changes)


def hear(database: RolledBack, *events: Any) -> None:
    for event in events:
        with database.begin() as session:
            act: Any = moves.move_needs if isinstance(event, NeedMoved) else actions.end_needs
            (actions.book_needs if isinstance(event, NeedPublished) else act)(session, [event])


def wrong_quantities(database: RolledBack) -> list[str]:
    """The checks of the audit that find a wrong quantity."""
    with database.begin() as session:
        return [one.code for one in quantities.CHECKS if session.execute(text(one.statement), one.parameters(session, None)).first()]


def row(database: RolledBack, need: NeedPublished) -> Any:
    return database.found(text("SELECT region, household_id, account_id, version, ended FROM needs WHERE id = :id"), id=need.need_id)[0]


def test_need_and_its_matches_move(client: Client, database: RolledBack) -> None:
    donor, need, over = Person("donor"), published(), published()
    with database.begin() as session:
        actions.book_pledges(session, [offered(pledger_id=donor.id, quantity=100)])
    hear(database, need, over)
    clear(database)
    matches = dict(tuple(one) for one in database.found(text("SELECT need_id, id FROM matches")))
    refused = f"/v1/matches/{matches[over.need_id]}"
    assert client.post(f"{refused}/refusal", {"reason": "too_far"}, by=donor).status_code == 201
    path = f"/v1/matches/{matches[need.need_id]}"
    assert client.post(f"{path}/acceptance", by=donor).status_code == 201
    old, new, household = administrator_of(database, VILLAGE), administrator_of(database, BESIDE), Person("household")
    hear(database, moved(need, account_id=household.id), moved(over))
    assert tuple(row(database, need)) == (BESIDE, need.household_id, household.id, 3, False)
    assert [client.get(path, by=by).status_code for by in (old, new, household)] == [404, 200, 200]
    assert [client.get(refused, by=by).status_code for by in (old, new)] == [200, 404]
    assert client.post(f"{path}/sending", {"carrier": "in_person"}, by=donor).status_code == 201
    assert client.post(f"{path}/receipt", by=new).status_code == 201


def test_moved_need_is_proposed_in_its_new_place(database: RolledBack) -> None:
    need = published()
    with database.begin() as session:
        actions.book_pledges(session, [offered(region=FAR[:6])])
    hear(database, need)
    assert clear(database) == 0
    hear(database, moved(need, region=FAR))
    assert clear(database) == 1


ELSEWHERE = "leaving = {need.id for need in moving if need.region[:TOWNSHIP_DIGITS] != newest[need.id].region[:TOWNSHIP_DIGITS]}"


@pytest.mark.parametrize("ends", [ELSEWHERE, unguarded("leaving = set()", "without it, a pledge goes where its giver never wanted it")])
def test_move_out_of_reach_frees_the_pledge(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setattr(moves, "move_needs", altered(moves.move_needs, ELSEWHERE, ends))
    donor, need = Person("donor"), published()
    pledge = offered(pledger_id=donor.id, region=VILLAGE[:6])
    with database.begin() as session:
        actions.book_pledges(session, [pledge])
    hear(database, need)
    assert clear(database) == 1
    [proposal] = told(database, MatchProposed)
    hear(database, moved(need, region=FAR))
    lapsed = [(one.match_id, one.reason, one.need_moved, one.region) for one in told(database, MatchLapsed)]
    assert lapsed == [(proposal.match_id, "need_withdrawn", True, VILLAGE)]
    answer = client.post(f"/v1/matches/{proposal.match_id}/acceptance", by=donor)
    assert (answer.status_code, answer.json["code"]) == (409, "state_conflict")
    assert clear(database) == 0
    free = text("SELECT (SELECT rest FROM needs) = :needed AND (SELECT rest FROM pledges) = :pledged")
    assert database.found(free, needed=need.quantity, pledged=pledge.quantity)[0][0]
    assert wrong_quantities(database) == []


def test_move_within_reach_is_proposed_anew(database: RolledBack) -> None:
    need = published()
    with database.begin() as session:
        actions.book_pledges(session, [offered()])
    hear(database, need)
    clear(database)
    other_township = f"{VILLAGE[:6]}002003"
    hear(database, moved(need, region=other_township))
    assert clear(database) == 1
    assert sorted(event.region for event in told(database, MatchProposed)) == [VILLAGE, other_township]


def test_move_inside_a_township_keeps_the_proposal(client: Client, database: RolledBack) -> None:
    donor, need = Person("donor"), published()
    with database.begin() as session:
        actions.book_pledges(session, [offered(pledger_id=donor.id)])
    hear(database, need)
    clear(database)
    hear(database, moved(need))
    assert told(database, MatchLapsed) == []
    [proposal] = told(database, MatchProposed)
    assert client.post(f"/v1/matches/{proposal.match_id}/acceptance", by=donor).json["region"][:9] == BESIDE[:9]


RENEWED = "    renew_time_to_send(session, leaving)\n"


@pytest.mark.parametrize("renews", [RENEWED, unguarded("", "without it, a giver under way is late at a place named a day ago")])
def test_promise_that_moved_has_its_time_again(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, renews: str) -> None:
    monkeypatch.setattr(moves, "move_needs", altered(moves.move_needs, RENEWED, renews))
    donor, need = Person("donor"), published()
    with database.begin() as session:
        actions.book_pledges(session, [offered(pledger_id=donor.id)])
    hear(database, need)
    clear(database)
    [proposal] = told(database, MatchProposed)
    path = f"/v1/matches/{proposal.match_id}"
    client.post(f"{path}/acceptance", by=donor)
    with database.begin() as session:
        session.execute(text("UPDATE matches SET send_by = now() + interval '1 hour', send_reminded_at = now()"))
    hear(database, moved(need, region=FAR))
    with database.begin() as session:
        session.execute(text("UPDATE matches SET send_by = send_by - interval '2 hours'"))
        assert unsent.end_unsent_matches(session) == 0
        unsent.set_missing_deadlines(session)
    shown = client.get(path, by=donor).json
    assert shown["state"] == "accepted"
    assert datetime.fromisoformat(shown["send_by"]) > datetime.now(UTC) + timedelta(days=3)


NEWER = "if need.version < newest[need.id].version"


@pytest.mark.parametrize("condition", [NEWER, unguarded("if True", "without the version, a late move brings a need back")])
def test_events_of_a_need_in_any_order_have_one_outcome(database: RolledBack, monkeypatch: pytest.MonkeyPatch, condition: str) -> None:
    monkeypatch.setattr(moves, "move_needs", altered(moves.move_needs, NEWER, condition))
    for order in permutations(range(3)):
        need = published()
        events = [need, moved(need, 3, region=FAR), moved(need, 4)]
        hear(database, *(events[place] for place in order))
        assert (row(database, need).region, row(database, need).version) == (BESIDE, 4), order
        hear(database, replaced(need, 5), events[2], events[1])
        assert (row(database, need).ended, row(database, need).version) == (True, 5), order


def replaced(need: NeedPublished, version: int) -> Any:
    """The withdrawal of a need at a version."""
    return withdrawn(published(need.need_id, version=version - 1, household_id=need.household_id))


def test_counts_of_help_move_along(database: RolledBack) -> None:
    need, into = published(), new_id()
    with database.begin() as session:
        actions.book_pledges(session, [offered()])
    hear(database, need)
    clear(database)
    assert (figures(database), figures(database, BESIDE)) == ((1, 1), (0, 0))
    hear(database, moved(need, household_id=into))
    assert (figures(database), figures(database, BESIDE)) == ((0, 0), (1, 1))
    assert database.found(text("SELECT household_id FROM counted_needs"))[0][0] == into
    assert miscounted(database) == []


COUNTING = "    move_counts(session, places)\n"


@pytest.mark.parametrize("guard", [COUNTING, unguarded("", "without the move, help stays with the village of before")])
def test_counts_are_those_of_a_recount_after_moves(database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.setattr(moves, "move_needs", altered(moves.move_needs, COUNTING, guard))
    needs = [published() for _ in range(6)]
    with database.begin() as session:
        actions.book_pledges(session, [offered(quantity=200)])
    hear(database, *needs[:3])
    clear(database)
    count(database)
    hear(database, *needs[3:], *(moved(need) for need in needs[1:5]))
    clear(database)
    count(database)
    assert miscounted(database) == []


def test_balance_moves_along(database: RolledBack) -> None:
    need = published()
    hear(database, need, moved(need, region=FAR))
    with database.begin() as session:
        balance.update_balance(session)
    query = text("SELECT sum(needs) FROM balance WHERE region = :region AND category = 'food.rice'")
    assert [int(database.found(query, region=region)[0][0] or 0) for region in (VILLAGE[:6], FAR[:6])] == [0, 1]
