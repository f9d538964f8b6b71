"""Whatever may happen to the book, in any order, to the service and to the plain book alike; after each act both must be the same."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis import inbox
from chassis.auth import Caller
from chassis.database import new_id
from chassis.problems import Problem
from chassis.testing.fixtures import RolledBack, administrator_of
from contracts.event import Event, decode, every_event, name_of
from contracts.matching import MatchProposed
from contracts.needs import NeedClosed, NeedPublished, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from matching import clearing, reminders
from matching.actions import answers, delivery, slips
from matching.actions import book as booking
from matching.balance import keeping
from matching.checks import audit
from matching.disputes import settling
from matching.fairness import counting
from matching.lessons import learning

from ..conftest import DAYS, changed, offered, published, taken_back, withdrawn
from .book import Book, Match, Need, Pledge, Refused, Told

HANDLERS: dict[type[Event], Callable[[Session, Any], object]] = {
    NeedPublished: booking.book_needs,
    NeedWithdrawn: booking.end_needs,
    NeedClosed: booking.end_needs,
    PledgeOffered: booking.book_pledges,
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
    "open_dispute": lambda session, caller, match: settling.dispute_match(session, caller, match, "damaged", "箱子裂了"),
}
OUT_OF_TURN: dict[str, tuple[Any, ...]] = {
    "accept": (None,), "refuse": ("other",), "decline": ("other",), "send": (None,), "receive": (None, None), "close": (),
    "cancel": ("not_deliverable",), "print_slip": (), "open_dispute": (),
}  # fmt: skip
ONE_BY_ONE = (PledgeChanged, PledgeWithdrawn)
TOWN, OTHER_COUNTY = "510903001", "510922002001"
URGENCIES = st.sampled_from(["normal", "urgent", "critical"])
REGIONS = st.sampled_from([TOWN + "001", TOWN + "002", TOWN + "001", OTHER_COUNTY])
SCOPES = st.sampled_from(["", "5109", "510903", TOWN + "001"])
THINGS = st.sampled_from([("food.rice", "kg"), ("food.rice", "kg"), ("food.rice", "kg"), ("food.oil", "kg"), ("food.oil", "l")])
OFFERS = st.sampled_from([("food.rice", "kg"), ("food.rice", "kg"), ("food", "kg"), ("food.oil", "l")])
QUANTITIES = st.integers(1, 9)
PARTS = st.sampled_from(["all", "whole", "one", "half", "too much"])
PICKS = st.integers(0, 2**16)
SIDES = st.sampled_from(["giver", "household", "agent"])
DIFFERENCES = st.sampled_from([None, "short", "damaged"])
CANCELLATIONS = st.sampled_from(["not_deliverable", "giver_withdrew", "giver_no_show", "household_moved", "need_over"])
REFUSALS = st.sampled_from(["too_far", "out_of_stock", "does_not_fit", "changed_my_mind", "other"])
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


class AnyOrder(RuleBasedStateMachine):
    """One run. Needs tells of things that the service hears later, in another order, in batches, twice; people act in between."""

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

    @initialize(
        asked=st.lists(st.tuples(REGIONS, THINGS, QUANTITIES), min_size=2, max_size=4),
        offers=st.lists(st.tuples(SCOPES, OFFERS, QUANTITIES), min_size=2, max_size=4),
    )
    def begin(self, asked: list[Any], offers: list[Any]) -> None:
        """A book that has something in it already: what people do with matches is reached in few steps."""
        needs = [self._need(*one) for one in asked]
        pledges = [self._pledge(*one) for one in offers]
        self.asked, self.offers = {one.need_id: one for one in needs}, {one.pledge_id: one for one in pledges}
        for events in (needs, pledges):
            self.heard += (batch := [(new_id(), one) for one in events])
            self._hear(batch)
        self.clear(500)
        for match in list(self.book.matches.values())[::2]:
            self._act("accept", match, "giver", None)

    # What needs tells, and how it is heard.

    @rule(region=REGIONS, thing=THINGS, quantity=QUANTITIES, urgency=URGENCIES, at_once=st.booleans())
    def ask(self, region: str, thing: tuple[str, str], quantity: int, urgency: str, at_once: bool) -> None:
        self._tell(self.asked, self._need(region, thing, quantity, urgency), at_once)

    @rule(scope=SCOPES, thing=OFFERS, quantity=QUANTITIES, at_once=st.booleans())
    def offer(self, scope: str, thing: tuple[str, str], quantity: int, at_once: bool) -> None:
        self._tell(self.offers, self._pledge(scope, thing, quantity), at_once)

    @precondition(lambda self: any(isinstance(one, NeedPublished) for one in self.asked.values()))
    @rule(pick=PICKS, is_withdrawn=st.booleans(), at_once=st.booleans())
    def end_need(self, pick: int, is_withdrawn: bool, at_once: bool) -> None:
        need = picked(pick, [one for one in self.asked.values() if isinstance(one, NeedPublished)])
        ending: Event = withdrawn(need)
        if not is_withdrawn:
            shared = {name: getattr(ending, name) for name in NeedClosed.__struct_fields__ if hasattr(ending, name)}
            ending = NeedClosed(**shared, reason="met_elsewhere", closed_at=datetime.now(UTC))
        self._tell(self.asked, ending, at_once)

    @precondition(lambda self: any(not isinstance(one, PledgeWithdrawn) for one in self.offers.values()))
    @rule(pick=PICKS, scope=SCOPES, quantity=QUANTITIES, at_once=st.booleans())
    def change_pledge(self, pick: int, scope: str, quantity: int, at_once: bool) -> None:
        pledge = picked(pick, [one for one in self.offers.values() if not isinstance(one, PledgeWithdrawn)])
        first = PledgeOffered(**{name: getattr(pledge, name) for name in PledgeOffered.__struct_fields__})
        self._tell(self.offers, changed(first, region=scope, quantity=quantity), at_once)

    @precondition(lambda self: any(not isinstance(one, PledgeWithdrawn) for one in self.offers.values()))
    @rule(pick=PICKS, at_once=st.booleans())
    def withdraw_pledge(self, pick: int, at_once: bool) -> None:
        pledge = picked(pick, [one for one in self.offers.values() if not isinstance(one, PledgeWithdrawn)])
        first = PledgeOffered(**{name: getattr(pledge, name) for name in PledgeOffered.__struct_fields__})
        self._tell(self.offers, taken_back(first, version=pledge.version + 1), at_once)

    @precondition(lambda self: self.unheard)
    @rule(pick=PICKS, in_a_batch=st.booleans())
    def hear(self, pick: int, in_a_batch: bool) -> None:
        first = picked(pick, self.unheard)
        is_alone = not in_a_batch or isinstance(first[1], ONE_BY_ONE)
        batch = [one for one in self.unheard if one is first or (not is_alone and type(one[1]) is type(first[1]))]
        self.unheard = [one for one in self.unheard if one not in batch]
        self.heard += batch
        self._hear(batch)

    @precondition(lambda self: self.heard)
    @rule(pick=PICKS, is_retold=st.booleans())
    def hear_again(self, pick: int, is_retold: bool) -> None:
        """Delivered a second time with the same id, or told anew with another; mostly what may do harm twice."""
        harmful = [one for one in self.heard if not isinstance(one[1], NeedPublished | PledgeOffered)]
        id_, event = picked(pick, harmful if harmful and pick % 4 else self.heard)
        self._hear([(new_id() if is_retold else id_, event)], is_new=is_retold)

    # What people and time do.

    @rule(limit=st.sampled_from([1, 2, 500]))
    def clear(self, limit: int) -> None:
        self._clear(limit)
        self._compare()

    @precondition(lambda self: self.book.pledges)
    @rule(pick=PICKS)
    def let_a_pledge_expire(self, pick: int) -> None:
        pledge = picked(pick, list(self.book.pledges.values()))
        self._run("UPDATE pledges SET valid_until = now() - interval '1 second' WHERE id = :id", pledge.id)
        self._run("UPDATE matches SET answer_by = now() - interval '1 second' WHERE state = 'proposed' AND pledge_id = :id", pledge.id)
        self.book.expire(pledge)

    @precondition(lambda self: self._in("proposed"))
    @rule(pick=PICKS, hours=st.sampled_from([-1, 1]))
    def let_time_pass(self, pick: int, hours: int) -> None:
        match = picked(pick, self._in("proposed"))
        hour = f"now() + interval '{hours} hours'"
        self._run(f"UPDATE matches SET proposed_at = now() - interval '3 days', answer_by = {hour} WHERE id = :id", match.id)
        match.late, match.nearly_late = hours < 0, True

    @precondition(lambda self: any(match.late for match in self._in("proposed")))
    @rule()
    def lapse(self) -> None:
        self._does(answers.lapse_matches, self.book.lapse_late)

    @precondition(lambda self: any(match.nearly_late and not match.reminded for match in self._in("proposed")))
    @rule()
    def remind(self) -> None:
        self._does(reminders.remind, self.book.remind)

    @precondition(lambda self: self._in("proposed"))
    @rule(pick=PICKS, part=PARTS)
    def accept(self, pick: int, part: str) -> None:
        match = picked(pick, self._in("proposed"))
        self._act("accept", match, "giver", part_of(match.quantity, part))

    @precondition(lambda self: self._in("proposed"))
    @rule(pick=PICKS, reason=REFUSALS)
    def refuse(self, pick: int, reason: str) -> None:
        self._act("refuse", picked(pick, self._in("proposed")), "giver", reason)

    @precondition(lambda self: any(pledge.lessons for pledge in self.book.pledges.values()))
    @rule(pick=PICKS, is_owner=st.sampled_from([True, True, True, False]))
    def forget_what_was_learnt(self, pick: int, is_owner: bool) -> None:
        pledge, lesson = picked(pick, [(one, lesson) for one in self.book.pledges.values() for lesson in one.lessons])
        [(lesson_id,)] = self.database.found(text("SELECT id FROM lessons WHERE match_id = :match_id"), match_id=lesson.match.id)
        who = pledge.pledger if is_owner else new_id()
        self._does(
            lambda session: learning.forget(session, Caller(who, "donor", session), lesson_id),
            lambda: self.book.forget(pledge, lesson, is_owner),
        )

    @precondition(lambda self: self._in("proposed", "accepted"))
    @rule(pick=PICKS, side=SIDES)
    def decline(self, pick: int, side: str) -> None:
        self._act("decline", picked(pick, self._in("proposed", "accepted")), side, "not_needed")

    @precondition(lambda self: self.asked and self.offers)
    @rule(need=PICKS, pledge=PICKS, quantity=QUANTITIES, is_owner=st.sampled_from([True, True, True, False]))
    def claim(self, need: int, pledge: int, quantity: int, is_owner: bool) -> None:
        need_id, given = picked(need, list(self.asked)), picked(pledge, list(self.offers.values()))
        if need % 4 and (waiting := [*self.book.waiting_pairs()]):
            chosen, of = picked(pledge, waiting)
            need_id, given = chosen.id, self.offers[of.id]
            quantity = min(quantity, self.book.rest_of_need(chosen), self.book.rest_of_pledge(of))
        pledger = given.pledger_id if is_owner else new_id()
        made: list[UUID] = []

        def does(session: Session) -> None:
            caller = Caller(pledger, "donor", session)
            made.append(answers.claim_need(session, caller, need_id, given.subject, quantity).id)

        def foretold() -> list[Told]:
            self.book.claim(need_id, given.subject, pledger, quantity)
            if not made:
                return []
            match = Match(made[0], self.book.needs[need_id], self.book.pledges[given.subject], quantity)
            return self.book.note_claim(match)

        self._does(does, foretold)

    @precondition(lambda self: self._in("accepted"))
    @rule(pick=PICKS, part=PARTS)
    def send(self, pick: int, part: str) -> None:
        match = picked(pick, self._in("accepted"))
        self._act("send", match, "giver", part_of(match.moved["promised"], part))

    @precondition(lambda self: self._in("sent"))
    @rule(pick=PICKS, side=st.sampled_from(["household", "agent"]), part=PARTS | st.just("nothing"), reason=DIFFERENCES)
    def receive(self, pick: int, side: str, part: str, reason: str | None) -> None:
        match = picked(pick, self._in("sent"))
        self._act("receive", match, side, part_of(match.moved["sent"], part), reason)

    @precondition(lambda self: self._in("received"))
    @rule(pick=PICKS, side=SIDES)
    def close(self, pick: int, side: str) -> None:
        self._act("close", picked(pick, self._in("received")), side)

    @precondition(lambda self: self._in("accepted", "sent"))
    @rule(pick=PICKS, side=SIDES, reason=CANCELLATIONS)
    def cancel(self, pick: int, side: str, reason: str) -> None:
        self._act("cancel", picked(pick, self._in("accepted", "sent")), side, reason)

    @precondition(lambda self: self._in("sent", "received"))
    @rule(pick=PICKS, side=SIDES)
    def dispute(self, pick: int, side: str) -> None:
        self._act("open_dispute", picked(pick, self._in("sent", "received")), side)

    @precondition(lambda self: any(match.dispute for match in self.book.matches.values()))
    @rule(pick=PICKS, act=st.sampled_from(["answer_dispute", "raise_dispute", "settle_dispute", "pass_deadline"]))
    def deal_with_a_dispute(self, pick: int, act: str) -> None:
        match = picked(pick, [one for one in self.book.matches.values() if one.dispute])
        dispute_id = match.dispute.id

        def does(session: Session) -> None:
            giver, place, county = ((match.pledge.pledger, "donor"), (self.place, "staff"), (self.county, "staff"))
            if act == "answer_dispute":
                settling.answer_dispute(session, Caller(*place, session), dispute_id, "agreed", "双方同意")
            elif act == "raise_dispute":
                settling.raise_dispute(session, Caller(*giver, session), dispute_id)
            elif act == "settle_dispute":
                settling.settle_dispute(session, Caller(*county, session), dispute_id, "upheld", "属实")
            else:
                soon = text("UPDATE disputes SET due_at = now() - interval '1 second' WHERE id = :id AND due_at IS NOT NULL")
                session.execute(soon, {"id": dispute_id})
                settling.pass_deadlines(session)

        self._does(does, lambda: getattr(self.book, act)(match))

    @precondition(lambda self: self._in("accepted", "sent"))
    @rule(pick=PICKS)
    def print_slip(self, pick: int) -> None:
        self._act("print_slip", picked(pick, self._in("accepted", "sent")), "agent")

    @precondition(lambda self: self.book.matches)
    @rule(pick=PICKS, side=SIDES | st.just("stranger"), act=st.sampled_from(sorted(OUT_OF_TURN)))
    def try_out_of_turn(self, pick: int, side: str, act: str) -> None:
        """Anybody, at any match, whatever its state."""
        self._act(act, picked(pick, list(self.book.matches.values())), side, *OUT_OF_TURN[act])

    @precondition(lambda self: any(match.slips for match in self.book.matches.values()))
    @rule(pick=PICKS, part=PARTS | st.just("nothing"), reason=DIFFERENCES)
    def confirm_slip(self, pick: int, part: str, reason: str | None) -> None:
        match, slip = picked(pick, [(match, slip) for match in self.book.matches.values() for slip in match.slips])
        quantity = part_of(match.moved.get("sent", 1), part)
        self._does(
            lambda session: slips.confirm_slip(session, slip.token, quantity, reason),
            lambda: self.book.confirm_slip(match, slip, quantity, reason),
        )

    # How the two are held against each other.

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
            while keeping.keep(session) + counting.count(session):
                pass
            assert [(finding.check.code, finding.row) for finding in audit(session) if finding.row] == []

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
        heard = [inbox.Heard(id_, event) for id_, event in batch]
        count = inbox.handle(self.database, kind.__name__, heard, HANDLERS[kind])
        assert count == (len(batch) if is_new else 0)
        told = [one for _, event in batch for one in self._foretold(event)] if is_new else []
        self._compare(told)

    def _foretold(self, event: Any) -> list[Told]:
        match event:
            case NeedPublished():
                return self.book.hear_published(need_of(event))
            case NeedWithdrawn() | NeedClosed():
                because = "need_withdrawn" if isinstance(event, NeedWithdrawn) else "need_closed"
                return self.book.hear_ended(need_of(event, ended=True), because)
            case PledgeOffered():
                return self.book.hear_offered(pledge_of(event))
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
        """How many entries of the list were looked at. What is proposed must be allowed, and is noted."""
        with self.database.begin() as session:
            due = clearing.clear(session, 3 * DAYS, limit).due
        for event in self._look()[1]:
            assert isinstance(event, MatchProposed)
            need, pledge = self.book.needs[event.need_id], self.book.pledges[event.pledge_id]
            stated = (event.version, event.region, event.category, event.unit, event.account_id, event.pledger_id)
            assert stated == (1, need.region, need.category, need.unit, need.account, pledge.pledger)
            self.book.note_proposal(Match(event.match_id, need, pledge, event.quantity))
        return due

    def _look(self) -> tuple[dict[UUID, tuple[Any, ...]], list[Any]]:
        """What stands in the book, and what was told since one looked last."""
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
    return Need(event.need_id, event.version, event.account_id, event.region, event.category, event.unit, event.quantity, ended)


def pledge_of(event: Any) -> Pledge:
    return Pledge(event.pledge_id, event.version, event.pledger_id, event.region, event.category, event.unit, event.quantity)
