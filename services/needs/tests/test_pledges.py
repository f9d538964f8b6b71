"""Pledges: offering, changing, withdrawing, and the answers of matching."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

import contracts
from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.event import decode, name_of
from contracts.matching import MatchAccepted, MatchClosed, MatchDeclined, MatchProposed, MatchSent, PledgeReleased
from contracts.needs import PledgeChanged, PledgeOffered, PledgeWithdrawn
from needs import actions

from .conftest import VILLAGE, offer, pending


def match(kind: type[Any], pledge_id: str, version: int, quantity: int = 30, match_id: UUID | None = None) -> Any:
    example = {"reasons": [], "proposed_at": datetime.now(UTC), "answer_by": datetime.now(UTC)}
    accepted = {"chosen": "proposal", "accepted_at": datetime.now(UTC)}
    return kind(
        version=version, match_id=match_id or new_id(), need_id=new_id(), pledge_id=UUID(pledge_id), household_id=new_id(), account_id=None,
        poster_id=new_id(), pledger_id=new_id(), region=VILLAGE, category="food.rice", unit="kg", quantity=quantity,
        **(example if kind is MatchProposed else accepted),
    )  # fmt: skip


def test_an_offered_pledge_is_published(client: Client, database: RolledBack, donor: Person) -> None:
    answer = client.post("/v1/pledges", offer(note="放在车库"), by=donor)
    assert (answer.status_code, answer.json["version"], answer.json["answered_version"]) == (201, 1, 0)
    [event] = pending(database)
    assert isinstance(event, PledgeOffered)
    assert (event.pledger_id, event.quantity, event.region) == (donor.id, 100, "5109")


def test_a_change_answers_202_and_restates_the_whole_pledge(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json
    answer = client.patch(f"/v1/pledges/{pledge['id']}", {"quantity": 40}, by=donor)
    assert (answer.status_code, answer.json["version"]) == (202, 2)
    event = pending(database)[-1]
    assert isinstance(event, PledgeChanged)
    assert (event.version, event.quantity, event.category) == (2, 40, "food.rice")


def test_withdrawing_answers_202_once(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json
    assert client.post(f"/v1/pledges/{pledge['id']}/withdrawal", by=donor).status_code == 202
    assert isinstance(pending(database)[-1], PledgeWithdrawn)
    assert client.post(f"/v1/pledges/{pledge['id']}/withdrawal", by=donor).json["code"] == "state_conflict"
    assert client.patch(f"/v1/pledges/{pledge['id']}", {"quantity": 1}, by=donor).status_code == 409


def test_another_person_s_pledge_is_not_found(client: Client, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json
    other = Person("donor")
    assert client.get(f"/v1/pledges/{pledge['id']}", by=other).status_code == 404
    assert client.patch(f"/v1/pledges/{pledge['id']}", {"quantity": 1}, by=other).status_code == 404
    assert client.get("/v1/pledges/mine", by=other).json["items"] == []


def test_the_list_of_pledges_does_not_say_whose_they_are(client: Client, donor: Person) -> None:
    client.post("/v1/pledges", offer(note="放在车库"), by=donor)
    [shown] = client.get("/v1/pledges", category="food.rice").json["items"]
    assert (shown["pledger_id"], shown["note"]) == (None, None)


def test_match_events_may_arrive_late_and_repeatedly(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    proposed = match(MatchProposed, pledge, 1)
    accepted = match(MatchAccepted, pledge, 2, match_id=proposed.match_id)
    with database.begin() as session:
        for event in (accepted, proposed, accepted):
            actions.record_matches(session, [event])
    shown = client.get(f"/v1/pledges/{pledge}", by=donor).json
    assert (shown["accepted"], shown["proposed"]) == (30, 0)


def test_a_quantity_never_sent_is_open_again(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    accepted = match(MatchAccepted, pledge, 2)
    own = {"version", "chosen", "accepted_at", "send_by", "charity"}
    stated = {name: getattr(accepted, name) for name in accepted.__struct_fields__ if name not in own}
    sent = MatchSent(version=3, **stated, sent=20, sent_at=datetime.now(UTC))
    closed = MatchClosed(version=5, **stated, sent=20, received=15, reason="partly_delivered", closed_at=datetime.now(UTC))
    for event, figures in ((accepted, (30, 0)), (sent, (20, 0)), (closed, (20, 15)), (sent, (20, 15))):
        with database.begin() as session:
            actions.record_matches(session, [event])
        shown = client.get(f"/v1/pledges/{pledge}", by=donor).json
        assert (shown["accepted"], shown["delivered"]) == figures
        assert shown["open"] == 100 - figures[0]


def test_a_declined_quantity_is_open_again(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    accepted = match(MatchAccepted, pledge, 2)
    own = {"version", "chosen", "accepted_at", "send_by", "charity"}
    stated = {name: getattr(accepted, name) for name in accepted.__struct_fields__ if name not in own}
    declined = MatchDeclined(version=3, **stated, reason="not_needed", was_accepted=True, declined_at=datetime.now(UTC))
    for event, promised in ((accepted, 30), (declined, 0), (accepted, 0)):
        with database.begin() as session:
            actions.record_matches(session, [event])
        shown = client.get(f"/v1/pledges/{pledge}", by=donor).json
        assert (shown["accepted"], shown["open"]) == (promised, 100 - promised)


def test_a_resting_pledge_keeps_its_quantity_and_is_not_open(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    for version, resting, open_ in ((1, True, 0), (2, False, 100)):
        released = PledgeReleased(
            version=version, pledge_id=UUID(pledge), pledger_id=donor.id, category="food.rice", unit="kg", answers=1, withdrawn=False,
            resting=resting, quantity=100, accepted=0, open=open_, released_at=datetime.now(UTC),
        )  # fmt: skip
        with database.begin() as session:
            actions.record_releases(session, [released])
        shown = client.get(f"/v1/pledges/{pledge}", by=donor).json
        assert (shown["resting"], shown["quantity"], shown["open"]) == (resting, 100, open_)
        assert len(client.get("/v1/pledges").json["items"]) == (0 if resting else 1)


def test_an_older_answer_to_a_change_is_ignored(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]

    def released(version: int, answers: int) -> PledgeReleased:
        return PledgeReleased(
            version=version, pledge_id=UUID(pledge), pledger_id=donor.id, category="food.rice", unit="kg", answers=answers,
            withdrawn=False, quantity=40, accepted=0, open=40,
            released_at=datetime.now(UTC),
        )  # fmt: skip

    with database.begin() as session:
        actions.record_releases(session, [released(3, 3)])
        actions.record_releases(session, [released(2, 2)])
    assert client.get(f"/v1/pledges/{pledge}", by=donor).json["answered_version"] == 3


def test_a_change_to_equal_figures_changes_nothing(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json
    answer = client.patch(f"/v1/pledges/{pledge['id']}", {"quantity": 100}, by=donor)
    assert (answer.status_code, answer.json["version"]) == (202, 1)
    assert len(pending(database)) == 1


def test_an_expired_pledge_is_not_listed(client: Client, database: RolledBack, donor: Person) -> None:
    client.post("/v1/pledges", offer(), by=donor)
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET valid_until = now() - interval '1 second'"))
    assert client.get("/v1/pledges").json["items"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"category": "treadmill"}, "unknown_item"),
        ({"unit": "piece"}, "wrong_unit"),
        ({"region": "5199"}, "invalid"),
        ({"valid_until": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, "past_validity"),
        ({"quantity": 0}, "invalid"),
        ({"quantity": 10**9 + 1}, "invalid"),
        ({"quantity": -5}, "invalid"),
        ({"quantity": 1.9}, "invalid"),
        ({"quantity": "10"}, "invalid"),
        ({"quantity": True}, "invalid"),
        ({"note": "a\u0000b"}, "invalid"),
        ({"note": "长" * 501}, "invalid"),
        ({"surprise": 1}, "invalid"),
        ({"valid_until": "2026-12-01T00:00:00"}, "invalid"),
    ],
)
def test_an_invalid_pledge_is_refused(client: Client, database: RolledBack, donor: Person, change: dict[str, Any], code: str) -> None:
    answer = client.post("/v1/pledges", offer(**change), by=donor)
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert answer.content_type == "application/problem+json"
    assert pending(database) == []


def test_needs_can_read_the_examples_of_the_contracts(database: RolledBack) -> None:
    examples = Path(contracts.__file__).parent.parent / "examples" / "matching"
    with database.begin() as session:
        for kind, state in actions.MATCH_STATES.items():
            event = decode(kind, (examples / f"{name_of(kind)}.json").read_bytes())
            actions.record_matches(session, [replace(event, match_id=new_id())])
            assert session.scalar(text("SELECT state FROM matches ORDER BY id DESC LIMIT 1")) == state
