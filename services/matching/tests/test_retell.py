"""Republished events of matching equal those published live."""

from collections import Counter

from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold
from matching.intake import actions
from matching.snapshots import SNAPSHOTS

from .conftest import VILLAGE, changed, clear, offered, published, taken_back, withdrawn


def test_matches_in_every_state_are_told_anew_as_they_were_told(client: Client, database: RolledBack) -> None:
    donor = Person("donor")
    needs = [published(region=f"51090300100{number}") for number in range(1, 7)]
    pledges = [offered(pledger_id=donor.id, quantity=50, region=need.region) for need in needs]
    with database.begin() as session:
        actions.book_needs(session, needs)
        actions.book_pledges(session, pledges[:5])
    assert clear(database) == 5
    with database.begin() as session:
        actions.book_pledges(session, pledges[5:])
        matches = dict(session.execute(text("SELECT need_id, id FROM matches")).all())
    accepted, refused, _, ended, _, claimed = (need.need_id for need in needs)
    for need in (accepted, ended):
        assert client.post(f"/v1/matches/{matches[need]}/acceptance", by=donor).status_code == 201
    assert client.post(f"/v1/matches/{matches[refused]}/refusal", {"reason": "too_far"}, by=donor).status_code == 201
    claim = {"need_id": str(claimed), "pledge_id": str(pledges[5].pledge_id), "quantity": 5}
    assert client.post("/v1/claims", claim, by=donor).status_code == 201
    with database.begin() as session:
        actions.withdraw_pledge(session, taken_back(pledges[2]))
        for need in (needs[3], needs[5]):
            actions.end_needs(session, [withdrawn(need)])
    counted = Counter(type(event).__name__ for event in assert_retold(database, SNAPSHOTS))
    assert counted == {
        "MatchNeedEnded": 2, "MatchLapsed": 1, "MatchRefused": 1, "MatchAccepted": 3, "MatchProposed": 5, "PledgeReleased": 1,
    }  # fmt: skip


def test_what_is_free_of_a_pledge_is_told_anew(database: RolledBack) -> None:
    pledges = [offered() for _ in range(3)]
    with database.begin() as session:
        actions.book_pledges(session, pledges)
        actions.change_pledge(session, changed(pledges[1], quantity=7))
        actions.withdraw_pledge(session, taken_back(pledges[2]))
    assert len(assert_retold(database, SNAPSHOTS)) == 2


def test_deliveries_are_told_anew_as_they_were_told(client: Client, database: RolledBack) -> None:
    donor, agent = Person("donor"), administrator_of(database, VILLAGE)
    needs, pledge = [published() for _ in range(4)], offered(pledger_id=donor.id, quantity=200)
    with database.begin() as session:
        actions.book_needs(session, needs)
        actions.book_pledges(session, [pledge])
    assert clear(database) == 4
    with database.begin() as session:
        matches = dict(session.execute(text("SELECT need_id, id FROM matches")).all())
    acts = [
        ("acceptance", {"quantity": 30}, donor),
        ("sending", {"carrier": "in_person", "quantity": 20}, donor),
        ("receipt", {"quantity": 10, "reason": "short"}, agent),
        ("closing", {}, agent),
    ]
    for many, need in enumerate(needs, start=1):
        for act, body, by in acts[:many]:
            assert client.post(f"/v1/matches/{matches[need.need_id]}/{act}", body, by=by).status_code == 201
        with database.begin() as session:
            actions.end_needs(session, [withdrawn(need)])
    counted = Counter(type(event).__name__ for event in assert_retold(database, SNAPSHOTS))
    assert counted == {
        "MatchClosed": 1, "MatchNeedEnded": 1, "MatchReceived": 2, "MatchSent": 3, "MatchAccepted": 4, "MatchProposed": 4,
    }  # fmt: skip


def test_what_was_declined_is_told_anew_as_it_was_told(client: Client, database: RolledBack) -> None:
    donor, agent = Person("donor"), administrator_of(database, VILLAGE)
    needs, pledge = [published() for _ in range(2)], offered(pledger_id=donor.id, quantity=200)
    with database.begin() as session:
        actions.book_needs(session, needs)
        actions.book_pledges(session, [pledge])
    assert clear(database) == 2
    with database.begin() as session:
        proposed, accepted = session.scalars(text("SELECT id FROM matches ORDER BY id")).all()
    assert client.post(f"/v1/matches/{accepted}/acceptance", {"quantity": 30}, by=donor).status_code == 201
    for match in (proposed, accepted):
        assert client.post(f"/v1/matches/{match}/decline", {"reason": "not_needed"}, by=agent).status_code == 201
    counted = Counter(type(event).__name__ for event in assert_retold(database, SNAPSHOTS))
    assert counted == {"MatchDeclined": 2, "MatchAccepted": 1, "MatchProposed": 2}
