"""A state machine of all that may happen to the book: events of needs, acts of people, time."""

from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from contracts.matching import MatchRevised
from matching.clearing import revision
from matching.disputes import actions as disputes
from matching.matches import reminders, unsent
from matching.matches.actions import answers, claims
from matching.refusals import actions as refusals
from matching.slips import actions as slips

from ..conftest import DAYS
from .book import Told
from .comparison import part_of, picked
from .late_events import OFFERS, PICKS, QUANTITIES, REGIONS, SCOPES, THINGS, Telling
from .records import Match

OUT_OF_TURN: dict[str, tuple[Any, ...]] = {
    "accept": (None,), "refuse": ("other",), "decline": ("other",), "send": (None,), "receive": (None, None), "close": (),
    "cancel": ("not_deliverable",), "print_slip": (), "open_dispute": (),
}  # fmt: skip
PARTS = st.sampled_from(["all", "whole", "one", "half", "too much"])
SIDES = st.sampled_from(["giver", "household", "agent"])
DIFFERENCES = st.sampled_from([None, "short", "damaged"])
CANCELLATIONS = st.sampled_from(["not_deliverable", "giver_withdrew", "giver_no_show", "household_moved", "need_over"])
REFUSALS = st.sampled_from(["too_far", "out_of_stock", "does_not_fit", "changed_my_mind", "other"])


class AnyOrder(Telling):
    """One run. Needs tells of things that the service hears later, in another order, in batches, twice; people act in between."""

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
        self._does(reminders.remind_pledgers, self.book.remind)

    @precondition(lambda self: any(need.urgency == "critical" and not need.ended for need in self.book.needs.values()))
    @rule()
    def revise(self) -> None:
        """An hour later: proposals that were revised, and what was proposed in their place."""
        self._run("UPDATE needs SET posted_at = posted_at - interval '2 hours', published_at = published_at - interval '2 hours'")
        with self.database.begin() as session:
            count = revision.revise_proposal(session, 3 * DAYS)
        events = self._look()[1]
        revised = [event for event in events if isinstance(event, MatchRevised)]
        assert len(revised) == count
        for event in revised:
            self.book.note_revision(self.book.matches[event.match_id])
            assert event.version == self.book.matches[event.match_id].version
        self._note_proposals([event for event in events if event not in revised])
        self._compare()

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
            lambda session: refusals.withdraw_rule(session, Caller(who, "donor", session), lesson_id),
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
            made.append(claims.claim_need(session, caller, need_id, given.subject, quantity).id)

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

    @precondition(lambda self: self._in("accepted"))
    @rule(pick=PICKS)
    def let_the_time_to_send_pass(self, pick: int) -> None:
        match = picked(pick, self._in("accepted"))
        self._run("UPDATE matches SET send_by = now() - interval '1 second' WHERE id = :id", match.id)
        self._does(unsent.end_unsent_matches, lambda: self.book.end_unsent(match))

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
                disputes.answer_dispute(session, Caller(*place, session), dispute_id, "agreed", "双方同意")
            elif act == "raise_dispute":
                disputes.raise_dispute(session, Caller(*giver, session), dispute_id)
            elif act == "settle_dispute":
                disputes.settle_dispute(session, Caller(*county, session), dispute_id, "upheld", "属实")
            else:
                soon = text("UPDATE disputes SET due_at = now() - interval '1 second' WHERE id = :id AND due_at IS NOT NULL")
                session.execute(soon, {"id": dispute_id})
                disputes.apply_deadlines(session)

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
