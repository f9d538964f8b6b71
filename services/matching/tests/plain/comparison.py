"""A comparison of the service with the plain book: each act happens to both, then both must be equal."""

import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.messaging import inbox
from chassis.problems import Problem
from chassis.testing.fixtures import RolledBack, administrator_of
from contracts.event import Event, decode, every_event, name_of
from contracts.matching import MatchProposed
from contracts.needs import (
    NeedClosed,
    NeedExpired,
    NeedMet,
    NeedPublished,
    NeedReopened,
    NeedWithdrawn,
    PledgeChanged,
    PledgeOffered,
    PledgeWithdrawn,
)
from matching.balance import actions as balance
from matching.checks.actions import run_checks
from matching.clearing import actions as clearing
from matching.disputes import actions as disputes
from matching.fairness import actions as fairness
from matching.intake import actions as booking
from matching.intake import reopening
from matching.matches.actions import answers, claims, delivery
from matching.slips import actions as slips

from ..conftest import DAYS, offered, published
from .book import Book, Told
from .records import Match, Need, Pledge, Refused

HANDLERS: dict[type[Event], Callable[[Session, Any], object]] = {
    NeedPublished: booking.book_needs,
    NeedWithdrawn: booking.end_needs,
    NeedClosed: booking.end_needs,
    NeedReopened: reopening.reopen_needs,
    NeedExpired: booking.end_needs,
    NeedMet: booking.end_needs,
    PledgeOffered: claims.book_and_claim,
    PledgeChanged: lambda session, events: [booking.change_pledge(session, event) for event in events],
    PledgeWithdrawn: lambda session, events: [booking.withdraw_pledge(session, event) for event in events],
}
ACTS: dict[str, Callable[..., Any]] = {
    "accept": answers.accept_match,
    "refuse": answers.refuse_match,
    "decline": answers.decline_match,
    "send": lambda session, caller, match, quantity: delivery.send_match(session, caller, match, "in_person", None, quantity),
    "receive": delivery.receive_match,
    "close": delivery.close_match,
    "cancel": delivery.cancel_match,
    "print_slip": slips.print_slip,
    "open_dispute": lambda session, caller, match: disputes.dispute_match(session, caller, match, "damaged", "箱子裂了"),
}
MOST_CLEARINGS = 30

_STANDING = text(
    "SELECT id, version, quantity, rest, CASE WHEN ended THEN 'ended' ELSE 'open' END, NULL::jsonb, NULL AS name, NULL AS body FROM needs"
    " UNION ALL SELECT id, version, quantity, rest, CASE WHEN ended THEN 'ended' ELSE 'open' END, NULL, NULL, NULL FROM pledges"
    " UNION ALL SELECT id, version, quantity, barred::int, state,"
    " (SELECT coalesce(jsonb_object_agg(kind, quantity), '{}') FROM movements WHERE match_id = matches.id), NULL, NULL FROM matches"
    " UNION ALL SELECT id, version, NULL, NULL, NULL, NULL, name, body FROM outbox WHERE id <> ALL(CAST(:seen AS uuid[]))"
)


def expected_of(event: Event, name: str, says: dict[str, Any]) -> Told:
    return name, event.subject, event.version, {field: getattr(event, field) for field in says}


class Beside(RuleBasedStateMachine):
    """One run's two books, in a transaction that is rolled back."""

    def __init__(self, engine: RolledBack) -> None:
        super().__init__()
        self._trial = engine.trial()
        self.database = self._trial.__enter__()
        self.book = Book()
        self.unheard: list[tuple[UUID, Event]] = []
        self.heard: list[tuple[UUID, Event]] = []
        self.asked: dict[UUID, Event] = {}
        self.offers: dict[UUID, Event] = {}
        self.seen: list[UUID] = []
        self.agent, self.place, self.county = (administrator_of(self.database, region).id for region in ("51", "5109", "51"))

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.settle()
        finally:
            self._trial.__exit__(None, None, None)

    def settle(self) -> None:
        """All that is told is heard, all that is listed is cleared: then nothing that fits waits, and the audit finds nothing."""
        while self.unheard:
            self.hear(0, in_a_batch=True)
        for _ in range(MOST_CLEARINGS):
            self._run("UPDATE to_clear SET due_at = now()")
            if not self._clear(500):
                break
        else:
            raise AssertionError("the list never becomes empty")
        self._compare()
        assert [*self.book.waiting_pairs()] == []
        with self.database.begin() as session:
            while balance.update_balance(session) + fairness.count_helped_needs(session):
                pass
            assert [(finding.check.code, finding.row) for finding in run_checks(session) if finding.row] == []

    def _need(self, region: str, thing: tuple[str, str], quantity: int, urgency: str = "normal") -> NeedPublished:
        stated = {"region": region, "category": thing[0], "unit": thing[1], "quantity": quantity, "urgency": urgency}
        return published(account_id=new_id(), poster_id=self.agent, **stated)

    def _pledge(self, scope: str, thing: tuple[str, str], quantity: int) -> PledgeOffered:
        return offered(region=scope, category=thing[0], unit=thing[1], quantity=quantity)

    def _tell(self, of: dict[UUID, Any], event: Event, at_once: bool) -> None:
        of[event.subject] = event
        one = (new_id(), event)
        if at_once:
            self.heard.append(one)
            self._hear([one])
        else:
            self.unheard.append(one)

    def _hear(self, batch: list[tuple[UUID, Event]], is_new: bool = True) -> None:
        kind = type(batch[0][1])
        heard = [inbox.Received(id_, event) for id_, event in batch]
        count = inbox.handle(self.database, kind.__name__, heard, HANDLERS[kind])
        assert count == (len(batch) if is_new else 0)
        told = self._foretell([event for _, event in batch]) if is_new else []
        self._compare(told)

    def _foretell(self, events: list[Any]) -> list[Told]:
        """Foretell a batch: all its pledges are entered before the first of them claims anything."""
        told = [one for event in events if not isinstance(event, PledgeOffered) for one in self._foretold(event)]
        entered = [event for event in events if isinstance(event, PledgeOffered) and self.book.hear_offered(pledge_of(event))]
        for event in sorted(entered, key=lambda event: event.pledge_id):
            if event.claims:
                found = self.database.found(text("SELECT id FROM matches WHERE pledge_id = :id"), id=event.pledge_id)
                match_id = found[0].id if found else None
                told += self.book.claim_as_offered(self.book.pledges[event.pledge_id], event.claims, event.claimed, match_id)
        return told

    def _foretold(self, event: Any) -> list[Told]:
        match event:
            case NeedPublished():
                return self.book.hear_published(need_of(event))
            case NeedReopened():
                return self.book.hear_reopened(need_of(event))
            case NeedWithdrawn() | NeedClosed() | NeedExpired() | NeedMet():
                because = "need_withdrawn" if isinstance(event, NeedWithdrawn) else "need_closed"
                return self.book.hear_ended(need_of(event, ended=True), because)
            case PledgeChanged():
                return self.book.hear_changed(pledge_of(event))
            case _:
                return self.book.hear_withdrawn(pledge_of(event))

    def _in(self, *states: str) -> list[Match]:
        return [match for match in self.book.matches.values() if match.state in states]

    def _act(self, name: str, match: Match, side: str, *given: Any) -> None:
        who = {
            "giver": (match.pledge.pledger, "donor"),
            "household": (match.need.account, "household"),
            "agent": (self.agent, "staff"),
            "stranger": (new_id(), "donor"),
        }[side]
        answers: list[Any] = []
        made: dict[str, Callable[[list[Any]], list[Any]]] = {
            "print_slip": lambda found: [found[0][2] if found else ""],
            "open_dispute": lambda found: [found[0].id if found else None],
        }

        def foretold() -> list[Told]:
            if side == "stranger":
                raise Refused("not_found")
            more = made[name](answers) if name in made else given
            told: list[Told] = getattr(self.book, name)(match, side, *more)
            return told

        self._does(lambda session: answers.append(ACTS[name](session, Caller(*who, session), match.id, *given)), foretold)

    def _does(self, act: Callable[[Session], object], foretold: Callable[[], list[Told]]) -> None:
        refusal, told = "", list[Told]()
        try:
            with self.database.begin() as session:
                act(session)
        except Problem as problem:
            refusal = problem.code
        expected = ""
        try:
            told = foretold()
        except Refused as refused:
            expected = str(refused)
        assert refusal == expected
        self._compare(told)

    def _clear(self, limit: int) -> int:
        """Clear once and return the number of queue entries; check that each proposal is allowed and record it."""
        with self.database.begin() as session:
            due = clearing.clear(session, 3 * DAYS, limit).due
        self._note_proposals(self._look()[1])
        return due

    def _note_proposals(self, events: list[Any]) -> None:
        for event in events:
            assert isinstance(event, MatchProposed)
            need, pledge = self.book.needs[event.need_id], self.book.pledges[event.pledge_id]
            stated = (event.version, event.region, event.category, event.unit, event.account_id, event.pledger_id)
            assert stated == (1, need.region, need.category, need.unit, need.account, pledge.pledger)
            self.book.note_proposal(Match(event.match_id, need, pledge, event.quantity))

    def _look(self) -> tuple[dict[UUID, tuple[Any, ...]], list[Any]]:
        """Read the book and the events published since the last look."""
        rows = self.database.found(_STANDING, seen=self.seen)
        events = [row for row in rows if row.name]
        self.seen += [row.id for row in events]
        return {row.id: row[1:6] for row in rows if not row.name}, [decode(every_event()[row.name], row.body) for row in events]

    def _compare(self, told: list[Told] | None = None) -> None:
        """The same is told, and the same is free, set aside, promised, sent, received and returned."""
        names = {(name, subject, version): says for name, subject, version, says in told or []}
        found = {}
        standing, events = self._look()
        for event in events:
            name = name_of(type(event))
            key = (name, event.subject, event.version)
            assert key not in found, f"told twice: {key}"
            found[key] = expected_of(event, name, names.get(key, {}))[3]
        assert found == names
        book = self.book
        sides = [(one, book.rest_of_need(one)) for one in book.needs.values()]
        both = [*sides, *((one, book.rest_of_pledge(one)) for one in book.pledges.values())]
        expected = {one.id: (one.version, one.quantity, rest, one.state, None) for one, rest in both}
        for match in book.matches.values():
            expected[match.id] = (match.version, match.quantity, int(match.barred), match.state, match.moved)
        assert standing == expected

    def _run(self, statement: str, id_: UUID | None = None) -> None:
        with self.database.begin() as session:
            session.execute(text(statement), {"id": id_} if id_ else {})


def picked(pick: int, things: list[Any]) -> Any:
    return things[pick % len(things)]


def part_of(quantity: int, part: str) -> int | None:
    return {"all": None, "whole": quantity, "one": 1, "half": max(1, quantity // 2), "too much": quantity + 1, "nothing": 0}[part]


def need_of(event: Any, ended: bool = False) -> Need:
    return Need(
        event.need_id,
        event.version,
        event.account_id,
        event.region,
        event.category,
        event.unit,
        event.quantity,
        ended,
        getattr(event, "urgency", ""),
    )


def pledge_of(event: Any) -> Pledge:
    return Pledge(event.pledge_id, event.version, event.pledger_id, event.region[:9], event.category, event.unit, event.quantity)
