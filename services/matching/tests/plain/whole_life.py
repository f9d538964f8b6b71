"""The whole life of the book: needs end in every way and open again, givers hold and choose, disputes correct receipts."""

from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from contracts.event import Event
from contracts.needs import NeedClosed, NeedExpired, NeedMet, NeedPublished, NeedReopened, NeedWithdrawn
from matching.disputes import actions as disputes
from matching.holds import actions as holds

from .comparison import picked
from .late_events import PICKS, QUANTITIES, SCOPES, URGENCIES
from .state_machine import AnyOrder

OPEN = (NeedPublished, NeedReopened)


class WholeLife(AnyOrder):
    """One run with everything that may happen. The searches for a missing guard leave this out: they find it sooner."""

    @precondition(lambda self: self.asked)
    @rule(pick=PICKS, scope=SCOPES, quantity=QUANTITIES, claimed=st.none() | QUANTITIES, by_holder=st.booleans(), at_once=st.booleans())
    def offer_for(self, pick: int, scope: str, quantity: int, claimed: int | None, by_holder: bool, at_once: bool) -> None:
        """Offer a pledge for a chosen need, mostly one that the giver holds."""
        held = [(giver, need.id) for giver, (need, _) in self.book.holds.items()]
        giver, need_id = picked(pick, held) if held and by_holder else (new_id(), picked(pick, list(self.asked)))
        thing = (self.asked[need_id].category, self.asked[need_id].unit)
        self._tell(self.offers, replace(self._pledge(scope, thing, quantity), pledger_id=giver, claims=need_id, claimed=claimed), at_once)

    @precondition(lambda self: any(isinstance(one, OPEN) for one in self.asked.values()))
    @rule(pick=PICKS, kind=st.sampled_from([NeedWithdrawn, NeedClosed, NeedExpired, NeedMet]), at_once=st.booleans())
    def end_need(self, pick: int, kind: type[Event], at_once: bool) -> None:  # type: ignore[override]
        need = picked(pick, [one for one in self.asked.values() if isinstance(one, OPEN)])
        shared = {name: getattr(need, name) for name in kind.__struct_fields__ if hasattr(need, name)}
        at = datetime.now(UTC)
        more = {"reason": {NeedClosed: "met_elsewhere"}.get(kind), "withdrawn_by": need.poster_id, "version": need.version + 1}
        stated = shared | more | dict.fromkeys(("withdrawn_at", "closed_at", "expired_at", "met_at"), at)
        self._tell(self.asked, kind(**{name: stated[name] for name in kind.__struct_fields__ if name in stated}), at_once)

    @precondition(lambda self: any(isinstance(one, NeedExpired | NeedMet) for one in self.asked.values()))
    @rule(pick=PICKS, urgency=URGENCIES, at_once=st.booleans())
    def reopen_need(self, pick: int, urgency: str, at_once: bool) -> None:
        """Renew what had expired, or open again what had not arrived."""
        need = picked(pick, [one for one in self.asked.values() if isinstance(one, NeedExpired | NeedMet)])
        at = datetime.now(UTC)
        stated = {name: getattr(need, name) for name in NeedReopened.__struct_fields__ if hasattr(need, name)}
        times = {"posted_at": at, "published_at": at, "reopened_at": at, "expires_at": at}
        more = {"version": need.version + 1, "urgency": urgency, "reason": "renewed", "reopened_by": None}
        self._tell(self.asked, NeedReopened(**stated | times | more), at_once)

    @precondition(lambda self: self.asked)
    @rule(pick=PICKS, quantity=QUANTITIES, giver=st.sampled_from(["new", "holder", "pledger"]))
    def hold(self, pick: int, quantity: int, giver: str) -> None:
        """Hold units of a need while choosing; a second hold of the same giver takes the place of the first."""
        who = {"holder": list(self.book.holds), "pledger": [pledge.pledger_id for pledge in self.offers.values()]}.get(giver) or [new_id()]
        need_id, holder = picked(pick, list(self.asked)), picked(pick, who)
        self._does(
            lambda session: holds.open_hold(session, Caller(holder, "donor", session), need_id, quantity),
            lambda: self.book.hold(holder, need_id, quantity),
        )

    @precondition(lambda self: self.book.holds)
    @rule(pick=PICKS, is_holder=st.sampled_from([True, True, False]), is_over=st.booleans())
    def free_hold(self, pick: int, is_holder: bool, is_over: bool) -> None:
        """Give a hold back, or let its time pass."""
        giver = picked(pick, list(self.book.holds))
        [(hold_id,)] = self.database.found(text("SELECT id FROM holds WHERE giver_id = :id AND state = 'open'"), id=giver)
        if is_over:
            self._run("UPDATE holds SET expires_at = now() - interval '3 minutes' WHERE id = :id", hold_id)
            self._does(holds.expire_holds, lambda: self.book.free_hold(giver, is_holder=True))
        else:
            who = giver if is_holder else new_id()
            self._does(
                lambda session: holds.release_hold(session, Caller(who, "donor", session), hold_id),
                lambda: self.book.free_hold(giver, is_holder=is_holder),
            )

    @precondition(lambda self: any(match.dispute for match in self.book.matches.values()))
    @rule(
        pick=PICKS,
        act=st.sampled_from(["answer_dispute", "raise_dispute", "settle_dispute", "pass_deadline"]),
        finding=st.sampled_from([None, 0, 0, 1]),
    )
    def deal_with_a_dispute(self, pick: int, act: str, finding: int | None) -> None:  # type: ignore[override]
        match = picked(pick, [one for one in self.book.matches.values() if one.dispute])
        dispute_id = match.dispute.id

        def does(session: Session) -> None:
            giver, place, county = ((match.pledge.pledger, "donor"), (self.place, "staff"), (self.county, "staff"))
            if act == "answer_dispute":
                outcome = "agreed" if finding is None else "partly_upheld"
                disputes.answer_dispute(session, Caller(*place, session), dispute_id, outcome, "双方同意", finding)
            elif act == "raise_dispute":
                disputes.raise_dispute(session, Caller(*giver, session), dispute_id)
            elif act == "settle_dispute":
                disputes.settle_dispute(session, Caller(*county, session), dispute_id, "upheld", "属实", finding)
            else:
                soon = text("UPDATE disputes SET due_at = now() - interval '1 second' WHERE id = :id AND due_at IS NOT NULL")
                session.execute(soon, {"id": dispute_id})
                disputes.apply_deadlines(session)

        self._does(does, lambda: getattr(self.book, act)(match, finding))
