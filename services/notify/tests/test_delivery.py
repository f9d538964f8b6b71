"""Notices about events: each recipient gets one, and a batch is one transaction."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.data.database import new_id
from chassis.messaging import inbox
from chassis.messaging.events import handlers_of
from chassis.messaging.inbox import Received
from chassis.testing.fixtures import RolledBack, administrator_of
from contracts.event import Event, decode, encode
from contracts.matching import (
    MatchAccepted,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReceiptReminded,
    MatchRefused,
    MatchReminded,
    MatchRevised,
    MatchSendReminded,
    PledgeReleased,
)
from contracts.needs import NeedPublished, NeedRejected, NeedRenewed, NeedWithdrawn, PledgeExpiring
from contracts.notices import by_event
from notify.words import render
from notify.worker import Worker

from .conftest import HEARD, MATCHES, OF_NEEDS, example, notices, proposal, published, with_account, write_notices

HANDLERS = {handler.subscription.event: handler for handler in handlers_of(Worker) if handler.subscription.event in by_event()}


LOW = {MatchProposed, MatchLapsed, NeedRenewed}
"""Of these a household without an app is not told: they are of low urgency."""


def hear(database: RolledBack, events: list[Event]) -> None:
    """Handle a batch of one kind with the worker's method, behind the inbox."""
    handler = HANDLERS[type(events[0])]
    method = getattr(Worker(), handler.method)
    inbox.handle(database, handler.name, [Received(new_id(), event) for event in events], handler.list_handler(method))


def recipients(database: RolledBack) -> set[tuple[UUID, str]]:
    return {(notice.recipient_id, notice.side) for notice in notices(database)}


def test_worker_listens_to_every_event_with_a_notice() -> None:
    assert set(HANDLERS) == set(by_event())


@pytest.mark.parametrize(
    "kind", [kind for kind in MATCHES if kind not in {MatchReminded, MatchSendReminded, MatchReceiptReminded, MatchRevised}]
)
def test_both_sides_of_a_match_are_told(database: RolledBack, kind: type[Event]) -> None:
    event = example(kind)
    hear(database, [event])
    itself = set() if kind in LOW else {(event.household_id, "household")}
    assert recipients(database) == {(event.pledger_id, "giver"), (event.poster_id, "household")} | itself


@pytest.mark.parametrize(
    "kind", [kind for kind in MATCHES if kind not in {MatchReminded, MatchSendReminded, MatchReceiptReminded, MatchRevised}]
)
def test_household_s_account_and_its_agent_are_both_told(database: RolledBack, kind: type[Event]) -> None:
    event = example(kind, account_id=new_id())
    hear(database, [event])
    assert recipients(database) == {(event.pledger_id, "giver"), (event.poster_id, "household"), (event.account_id, "household")}
    assert {notice.recipient_id: notice.facts.get("on_behalf") for notice in notices(database)} == {
        event.pledger_id: None, event.poster_id: True, event.account_id: False,
    }  # fmt: skip


@pytest.mark.parametrize("kind", [MatchReminded, MatchSendReminded])
def test_only_the_giver_is_reminded_to_answer_and_to_send(database: RolledBack, kind: type[Event]) -> None:
    event = example(kind, account_id=new_id())
    hear(database, [event])
    assert recipients(database) == {(event.pledger_id, "giver")}


def test_giver_is_told_that_goods_are_near_their_date(database: RolledBack) -> None:
    event = example(PledgeExpiring)
    hear(database, [event])
    [notice] = notices(database)
    assert (notice.recipient_id, notice.side) == (event.pledger_id, "giver")
    words = render(notice.kind, notice.side, notice.facts, "zh-CN")
    assert words["title"] == "爱心物资临近保质期"
    assert "之后不再对接" in words["text"]


def test_only_the_household_is_reminded_of_goods_on_the_way(database: RolledBack) -> None:
    event = example(MatchReceiptReminded, account_id=new_id())
    hear(database, [event])
    assert recipients(database) == {(event.account_id, "household"), (event.poster_id, "household")}


@pytest.mark.parametrize("kind", [kind for kind in OF_NEEDS if kind is not NeedWithdrawn])
def test_household_and_poster_are_told_of_their_need(database: RolledBack, kind: type[Event]) -> None:
    alone, on_behalf = example(kind), example(kind, need_id=new_id(), account_id=new_id())
    itself = example(kind, need_id=new_id(), account_id=alone.poster_id)
    hear(database, [alone, on_behalf, itself])
    assert sorted((notice.about, notice.recipient_id) for notice in notices(database)) == sorted(
        [
            (alone.need_id, alone.poster_id),
            *([] if kind in LOW else [(alone.need_id, alone.household_id)]),
            (on_behalf.need_id, on_behalf.poster_id),
            (on_behalf.need_id, on_behalf.account_id),
            (itself.need_id, itself.account_id),
        ]
    )


def test_withdrawal_is_told_to_the_other_person_only(database: RolledBack) -> None:
    poster = new_id()
    alone = example(NeedWithdrawn, poster_id=poster, withdrawn_by=poster, account_id=None)
    hear(database, [alone])
    assert recipients(database) == {(alone.household_id, "household")}
    both = example(NeedWithdrawn, need_id=new_id(), poster_id=poster, withdrawn_by=poster, account_id=new_id())
    hear(database, [both])
    assert recipients(database) == {(alone.household_id, "household"), (both.account_id, "household")}


def test_pledger_is_told_the_outcome_of_a_change(database: RolledBack) -> None:
    event = example(PledgeReleased)
    hear(database, [event])
    [notice] = notices(database)
    assert (notice.recipient_id, notice.about, notice.kind) == (event.pledger_id, event.pledge_id, "pledge_released")
    figures = {"category": "food.rice", "unit": "kg", "accepted": 20, "open": 30, "answers": 2}
    assert notice.facts == figures | {"withdrawn": False, "resting": False}


def test_pledger_is_told_that_the_pledge_rests(database: RolledBack) -> None:
    hear(database, [example(PledgeReleased, resting=True, open=0)])
    [notice] = notices(database)
    assert render(notice.kind, notice.side, notice.facts, "zh-CN")["title"] == "爱心意向已暂停"
    before = {name: value for name, value in notice.facts.items() if name != "resting"}
    assert render(notice.kind, notice.side, before, "zh-CN")["title"] == "爱心意向已调整"


@pytest.mark.parametrize("kind", HEARD)
def test_every_notice_is_delivered_and_published(database: RolledBack, kind: type[Event]) -> None:
    administrator_of(database, "51")
    hear(database, [with_account(kind)])
    written = notices(database)
    assert {(notice.state, notice.channel, notice.read_at) for notice in written} == {("delivered", "in_app", None)}
    assert [(event.notice_id, event.recipient_id, event.kind, event.about, event.delivered_at) for event in published(database)] == [
        (notice.id, notice.recipient_id, notice.kind, notice.about, notice.created_at) for notice in written
    ]


@pytest.mark.parametrize("kind", HEARD)
def test_facts_hold_no_identity_and_givers_see_no_village(database: RolledBack, kind: type[Event]) -> None:
    event = with_account(kind)
    hear(database, [event])
    for notice in notices(database):
        assert not {"household_id", "account_id", "poster_id", "pledger_id"} & notice.facts.keys()
        people = {str(getattr(event, name, None)) for name in ("household_id", "account_id", "poster_id", "pledger_id")}
        assert not (people - {"None"}) & {str(value) for value in notice.facts.values()}
        if notice.side == "giver":
            assert notice.facts.get("region", "") in {"", event.region[:9] if {"match_id", "region"} <= {*event.__struct_fields__} else ""}


def test_household_does_not_learn_why_a_giver_refused(database: RolledBack) -> None:
    hear(database, [example(MatchRefused, reason="changed_my_mind")])
    assert {notice.side: notice.facts.get("reason") for notice in notices(database)} == {"giver": "changed_my_mind", "household": None}


def test_pledger_learns_why_the_household_declined(database: RolledBack) -> None:
    hear(database, [example(MatchDeclined, reason="cannot_receive", was_accepted=True)])
    [giver] = [notice for notice in notices(database) if notice.side == "giver"]
    assert (giver.facts["reason"], giver.facts["was_accepted"]) == ("cannot_receive", True)


def test_revised_match_is_told_to_the_household_only(database: RolledBack) -> None:
    hear(database, [example(MatchRevised), proposal(version=1)])
    assert [notice.kind for notice in notices(database) if notice.side == "giver"] == ["match_proposed"]
    assert "match_revised" in {notice.kind for notice in notices(database) if notice.side == "household"}


def test_older_event_that_arrives_late_is_not_told(database: RolledBack) -> None:
    proposed = proposal(version=1)
    hear(database, [example(MatchAccepted, match_id=proposed.match_id, version=2)])
    hear(database, [proposed])
    assert {notice.kind for notice in notices(database)} == {"match_accepted"}
    assert len(published(database)) == 2
    hear(database, [example(MatchLapsed, match_id=proposed.match_id, version=3)])
    assert {notice.kind for notice in notices(database)} == {"match_accepted", "match_lapsed"}


def test_repeated_event_reaches_only_new_recipients(database: RolledBack) -> None:
    event = example(NeedPublished)
    hear(database, [event])
    hear(database, [event, event])
    assert recipients(database) == {(event.poster_id, "household"), (event.household_id, "household")}
    assert len(published(database)) == 1, "a household without an account has no notice in the app"
    account = new_id()
    hear(database, [example(NeedPublished, account_id=account)])
    assert recipients(database) == {(event.poster_id, "household"), (event.household_id, "household"), (account, "household")}


def test_newest_of_two_changes_in_a_batch_is_told(database: RolledBack) -> None:
    hear(database, [example(PledgeReleased, version=3, open=7), example(PledgeReleased, version=2, open=9)])
    assert [notice.facts["open"] for notice in notices(database)] == [7]


def test_batch_of_500_events_takes_twelve_statements(database: RolledBack) -> None:
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.startswith(("SAVEPOINT", "RELEASE")):
            statements.append(statement)

    sqlalchemy_event.listen(database.engine, "before_cursor_execute", note)
    try:
        hear(database, [proposal(pledger_id=new_id()) for _ in range(500)])
    finally:
        sqlalchemy_event.remove(database.engine, "before_cursor_execute", note)
    # Beside these, the events are written by COPY; preferences, browsers and endpoints are read, messages planned; the last wake sender
    # and relay. Those with WITH record notices and matches for streams.
    kinds = ["INSERT", "SELECT", "SELECT", "INSERT", "WITH", "SELECT", "SELECT", "INSERT", "SELECT", "SELECT", "WITH", "SELECT"]
    assert [statement.split()[0] for statement in statements] == kinds


def test_failing_batch_tells_nobody(database: RolledBack) -> None:
    with pytest.raises(DBAPIError):
        hear(database, [proposal(), proposal(version=2**63)])
    assert notices(database) == published(database) == []


def test_fields_beyond_the_contract_are_not_passed_on(database: RolledBack) -> None:
    body = encode(proposal()).replace(b'{"version"', '{"name":"李秀英","phone":"13800000000","version"'.encode())
    write_notices(database, decode(MatchProposed, body))
    assert not any("李秀英" in str(notice.facts) or "13800000000" in str(notice.facts) for notice in notices(database))


def test_present_managers_are_told_after_the_agent_left(database: RolledBack) -> None:
    county, village = administrator_of(database, "510903"), administrator_of(database, "510903100208")
    event = example(NeedRejected, account_id=None)
    hear(database, [event])
    assert recipients(database) == {(village.id, "household"), (event.household_id, "household")}
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET ended_at = now() WHERE user_id = :id"), {"id": village.id})
    hear(database, [example(NeedRejected, account_id=None, need_id=new_id())])
    assert (county.id, "household") in recipients(database)


def test_agent_in_office_around_the_region_is_told(database: RolledBack) -> None:
    agent = administrator_of(database, "5109")
    administrator_of(database, "510903100208")
    event = example(NeedRejected, account_id=None, poster_id=agent.id)
    hear(database, [event])
    assert recipients(database) == {(agent.id, "household"), (event.household_id, "household")}
