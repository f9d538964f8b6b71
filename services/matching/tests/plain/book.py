"""The book as plain lists: free and promised quantities and the events after each act. It shares no code with the service."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from .records import HOUSEHOLDS, OF_GIVER, OF_HOUSEHOLD, STILL_NEEDED_NO_MORE, Dispute, Lesson, Match, Need, Pledge, Refused, Slip, fits

Told = tuple[str, UUID, int, dict[str, Any]]
"""An event's name, its subject, that one's version, and what else it must say."""


class Book:
    """Every act changes the lists and gives what must be told of it, or raises `Refused` and changes nothing."""

    def __init__(self) -> None:
        self.needs: dict[UUID, Need] = {}
        self.pledges: dict[UUID, Pledge] = {}
        self.matches: dict[UUID, Match] = {}
        self.holds: dict[UUID, tuple[Need, int]] = {}

    def rest_of_need(self, need: Need) -> int:
        if need.ended:
            return 0
        held = sum(quantity for one, quantity in self.holds.values() if one is need)
        return need.quantity - held - sum(match.kept_by_need for match in self.of(need))

    def rest_of_pledge(self, pledge: Pledge) -> int:
        return 0 if pledge.ended or pledge.resting else pledge.quantity - sum(match.kept_by_pledge for match in self.of(pledge))

    def of(self, side: Need | Pledge, state: str | None = None) -> list[Match]:
        return [one for one in self.matches.values() if side in (one.need, one.pledge) and state in (None, one.state)]

    def barred(self, need: Need, pledge: Pledge) -> bool:
        return any(match.barred for match in self.of(need) if match.pledge is pledge) or any(
            need.region.startswith(lesson.region) and lesson.category in ("", need.category)
            for lesson in pledge.lessons
            if not lesson.forgotten
        )

    def waiting_pairs(self) -> Iterator[tuple[Need, Pledge]]:
        open_pledges = [one for one in self.pledges.values() if not one.expired and self.rest_of_pledge(one)]
        for need in self.needs.values():
            if self.rest_of_need(need):
                yield from ((need, one) for one in open_pledges if fits(need, one) and not self.barred(need, one))

    def shown(self, need: Need) -> str:
        """The region that the public sees: the township of five households, which have a need each here; else the county."""
        neighbours = [one for one in self.needs.values() if not one.ended and one.region[:9] == need.region[:9]]
        return need.region[: 9 if len(neighbours) >= 5 else 6]

    def hear_published(self, need: Need) -> list[Told]:
        self.needs.setdefault(need.id, need)
        return []

    def hear_ended(self, ended: Need, because: str) -> list[Told]:
        known = self.needs.setdefault(ended.id, ended)
        if known is not ended and known.version >= ended.version:
            return []
        known.ended, known.version = True, ended.version
        told = [self._lapse(match, because) for match in self.of(known, "proposed")]
        for match in self.of(known, "accepted"):
            match.version, match.need_ended = match.version + 1, True
            told.append(("match_need_ended", match.id, match.version, {"reason": because, "quantity": match.moved["promised"]}))
        return told

    def hear_reopened(self, opened: Need) -> list[Told]:
        known = self.needs.setdefault(opened.id, opened)
        if known is not opened and known.version >= opened.version:
            return []
        if known is opened:
            return []
        known.ended, known.version, known.urgency = False, opened.version, opened.urgency
        self.holds = {giver: held for giver, held in self.holds.items() if held[0] is not known}
        told: list[Told] = []
        for match in self.of(known, "accepted"):
            if match.need_ended:
                match.version, match.need_ended = match.version + 1, False
                told.append(("match_need_reopened", match.id, match.version, {"quantity": match.moved["promised"]}))
        return told

    def hear_offered(self, pledge: Pledge) -> bool:
        """Enter a pledge; tell whether it is new."""
        return self.pledges.setdefault(pledge.id, pledge) is pledge

    def claim_as_offered(self, pledge: Pledge, need_id: UUID, claimed: int | None, match_id: UUID | None) -> list[Told]:
        """Promise a pledge to the need that it was offered for, as far as that has units left or held."""
        need = self.needs.get(need_id)
        if need is None or need.ended:
            return self._claim_failed(pledge, "need_over")
        quantity = max(1, min(claimed or pledge.quantity, self.rest_of_pledge(pledge), self.free_for(pledge.pledger, need)))
        try:
            self.claim(need_id, pledge.id, pledge.pledger, quantity)
        except Refused as refused:
            return self._claim_failed(pledge, str(refused))
        assert match_id, "nothing was promised"
        return self.note_claim(Match(match_id, need, pledge, quantity))

    def _claim_failed(self, pledge: Pledge, reason: str) -> list[Told]:
        return [("claim_failed", pledge.id, 1, {"reason": reason})]

    def free_for(self, giver: UUID, need: Need) -> int:
        """Count the units of a need that nobody else has, those that the giver holds included."""
        held, quantity = self.holds.get(giver, (None, 0))
        return self.rest_of_need(need) + (quantity if held is need and not need.ended else 0)

    def hold(self, giver: UUID, need_id: UUID, quantity: int) -> list[Told]:
        need = self.needs.get(need_id)
        if need is None:
            raise Refused("unknown_need")
        if self.free_for(giver, need) < quantity:
            raise Refused("not_enough")
        self.holds[giver] = (need, quantity)
        return []

    def free_hold(self, giver: UUID, *, is_holder: bool) -> list[Told]:
        if not is_holder:
            raise Refused("not_found")
        del self.holds[giver]
        return []

    def hear_changed(self, changed: Pledge) -> list[Told]:
        known = self._newer(changed)
        if known is None:
            return []
        told = [self._lapse(match, "pledge_changed") for match in self.of(known, "proposed")]
        if not known.ended:
            known.scope, known.expired, known.resting = changed.scope, False, False
            self._forget_all(known)
            known.quantity = max(changed.quantity, sum(match.kept_by_pledge for match in self.of(known)))
        return [*told, self._released(known)]

    def hear_withdrawn(self, withdrawn: Pledge) -> list[Told]:
        known = self._newer(withdrawn)
        if known is None:
            return []
        known.ended, known.resting = True, False
        self._forget_all(known)
        return [*(self._lapse(match, "pledge_withdrawn") for match in self.of(known, "proposed")), self._released(known)]

    def _newer(self, heard: Pledge) -> Pledge | None:
        known = self.pledges.setdefault(heard.id, heard)
        if known is not heard and known.version >= heard.version:
            return None
        known.version = heard.version
        return known

    def _forget_all(self, pledge: Pledge) -> None:
        for lesson in pledge.lessons:
            lesson.forgotten = True

    def _released(self, pledge: Pledge) -> Told:
        pledge.releases += 1
        accepted = sum(match.kept_by_pledge for match in self.of(pledge) if match.state != "proposed")
        says = {"answers": pledge.version, "withdrawn": pledge.ended, "accepted": accepted}
        says |= {"quantity": pledge.quantity, "resting": pledge.resting}
        return "pledge_released", pledge.id, pledge.releases, says | {"open": self.rest_of_pledge(pledge)}

    def _lapse(self, match: Match, because: str) -> Told:
        match.advance("lapsed", because)
        match.barred = match.barred or because == "deadline"
        return "match_lapsed", match.id, match.version, {"reason": because, "quantity": match.quantity}

    def note_proposal(self, match: Match) -> None:
        """Check that the chosen pair is allowed; the choice itself is the clearing's."""
        need, pledge = match.need, match.pledge
        assert fits(need, pledge), "they do not fit"
        assert [need.ended, pledge.ended, pledge.expired, pledge.resting] == [False] * 4, "one of them is over"
        assert not self.barred(need, pledge), "they are barred"
        assert 0 < match.quantity <= min(self.rest_of_need(need), self.rest_of_pledge(pledge)), "there is not so much"
        self.matches[match.id] = match

    def note_revision(self, match: Match) -> None:
        """It goes to a critical need instead: nobody was reminded of it, and there was time to answer."""
        assert (match.state, match.late, match.reminded) == ("proposed", False, False)
        match.advance("lapsed", "revised")
        match.barred = True

    def expire(self, pledge: Pledge) -> None:
        """Its time is over, and that of its proposals with it."""
        pledge.expired = True
        for match in self.of(pledge, "proposed"):
            match.late = True

    def lapse_late(self) -> list[Told]:
        return [self._lapse(match, "deadline") for match in self.matches.values() if match.state == "proposed" and match.late]

    def remind(self) -> list[Told]:
        told: list[Told] = []
        for match in self.matches.values():
            if match.state == "proposed" and match.nearly_late and not match.late and not match.reminded:
                match.reminded, match.version = True, match.version + 1
                told.append(("match_reminded", match.id, match.version, {}))
        return told

    def may(self, match: Match, is_their_part: bool, *states: str) -> None:
        if not is_their_part:
            raise Refused("not_allowed")
        if match.state not in states or (match.state == "proposed" and match.late):
            raise Refused("state_conflict")

    def accept(self, match: Match, side: str, quantity: int | None) -> list[Told]:
        self.may(match, side == "giver", "proposed")
        quantity = match.quantity if quantity is None else quantity
        if quantity > match.quantity:
            raise Refused("not_enough")
        match.barred = quantity < match.quantity
        match.advance("accepted")
        match.moved["promised"] = quantity
        return [("match_accepted", match.id, match.version, {"quantity": quantity, "chosen": "proposal"})]

    def refuse(self, match: Match, side: str, reason: str) -> list[Told]:
        self.may(match, side == "giver", "proposed")
        match.advance("refused", reason)
        match.barred = True
        refused = ("match_refused", match.id, match.version, {"reason": reason, "quantity": match.quantity})
        return [refused, *self._learn(match, reason)]

    def _learn(self, match: Match, reason: str) -> list[Told]:
        pledge, region = match.pledge, match.need.region
        narrower = [length for length in (6, 9) if length > len(pledge.scope)]
        if reason == "too_far" and narrower:
            pledge.lessons.append(Lesson(match, region=region[: narrower[0]]))
        if reason == "does_not_fit" and match.need.category != pledge.category:
            pledge.lessons.append(Lesson(match, category=match.need.category))
        if reason not in ("out_of_stock", "changed_my_mind"):
            return []
        pledge.lessons.append(Lesson(match, resting=True))
        told = [self._lapse(other, "pledge_changed") for other in self.of(pledge, "proposed")]
        pledge.resting = True
        return [*told, self._released(pledge)]

    def forget(self, pledge: Pledge, lesson: Lesson, is_owner: bool) -> list[Told]:
        if not is_owner:
            raise Refused("not_found")
        if lesson.forgotten:
            raise Refused("state_conflict")
        lesson.forgotten = True
        if pledge.resting and not any(one.resting and not one.forgotten for one in pledge.lessons):
            pledge.resting = False
            return [self._released(pledge)]
        return []

    def decline(self, match: Match, side: str, reason: str) -> list[Told]:
        self.may(match, side in HOUSEHOLDS, "proposed", "accepted")
        promised = match.moved.get("promised", 0)
        match.advance("declined", reason)
        match.barred = True
        if promised:
            match.moved["returned"] = promised
        says = {"reason": reason, "was_accepted": promised > 0, "quantity": promised or match.quantity}
        return [("match_declined", match.id, match.version, says)]

    def claim(self, need_id: UUID, pledge_id: UUID, pledger: UUID, quantity: int) -> None:
        need, pledge = self.needs.get(need_id), self.pledges.get(pledge_id)
        if pledge is None or pledge.pledger != pledger:
            raise Refused("unknown_pledge")
        if need is None:
            raise Refused("unknown_need")
        if pledge.resting:
            raise Refused("pledge_rests")
        if pledge.expired or min(self.free_for(pledger, need), self.rest_of_pledge(pledge)) < quantity:
            raise Refused("not_enough")
        if not fits(need, pledge) or not self.shown(need).startswith(pledge.scope):
            raise Refused("does_not_fit")

    def note_claim(self, match: Match) -> list[Told]:
        if self.holds.get(match.pledge.pledger, (None, 0))[0] is match.need:
            del self.holds[match.pledge.pledger]
        match.state, match.moved["promised"] = "accepted", match.quantity
        self.matches[match.id] = match
        return [("match_accepted", match.id, 1, {"quantity": match.quantity, "chosen": "claim"})]

    def send(self, match: Match, side: str, quantity: int | None) -> list[Told]:
        self.may(match, side == "giver", "accepted")
        quantity = match.moved["promised"] if quantity is None else quantity
        left = match.moved["promised"] - quantity
        if left < 0:
            raise Refused("more_than_promised")
        match.advance("sent")
        match.moved["sent"] = quantity
        if left:
            match.moved["returned"], match.barred = left, True
        return [("match_sent", match.id, match.version, {"sent": quantity, "quantity": match.moved["promised"]})]

    def receive(self, match: Match, side: str, quantity: int | None, reason: str | None) -> list[Told]:
        self.may(match, side in HOUSEHOLDS, "sent")
        return self._receive(match, quantity, reason, "signed_in")

    def _receive(self, match: Match, quantity: int | None, reason: str | None, confirmed: str) -> list[Told]:
        quantity = match.moved["sent"] if quantity is None else quantity
        if quantity > match.moved["sent"]:
            raise Refused("more_than_sent")
        if quantity < match.moved["sent"] and reason is None:
            raise Refused("reason_needed")
        match.advance("received")
        match.moved["received"] = quantity
        says = {"sent": match.moved["sent"], "received": quantity, "difference": reason, "confirmed": confirmed}
        return [("match_received", match.id, match.version, says)]

    def open_dispute(self, match: Match, side: str, dispute_id: UUID | None) -> list[Told]:
        if match.dispute:
            raise Refused("already_disputed")
        if match.state not in ("sent", "received") or dispute_id is None:
            raise Refused("state_conflict")
        match.version += 1
        match.dispute = Dispute(dispute_id, "household" if side in HOUSEHOLDS else "giver")
        return [("dispute_opened", dispute_id, 1, {"side": match.dispute.side, "cause": "damaged"})]

    def answer_dispute(self, match: Match, finding: int | None = None) -> list[Told]:
        dispute = self._dispute_that_is("open", match)
        self._find(match, dispute, "agreed" if finding is None else "partly_upheld", finding)
        dispute.go("answered")
        return [("dispute_answered", dispute.id, dispute.version, {"outcome": dispute.outcome})]

    def _find(self, match: Match, dispute: Dispute, outcome: str, finding: int | None) -> None:
        """A household's dispute alone corrects what was confirmed, and only to less."""
        is_less = "received" in match.moved and finding is not None and finding < match.moved["received"]
        if finding is not None and not (is_less and dispute.side == "household"):
            raise Refused("finding_wrong")
        dispute.outcome, dispute.received = outcome, finding

    def raise_dispute(self, match: Match, finding: int | None = None) -> list[Told]:
        dispute = self._dispute_that_is("answered", match)
        dispute.go("raised")
        return [("dispute_raised", dispute.id, dispute.version, {"unanswered": False})]

    def settle_dispute(self, match: Match, finding: int | None = None) -> list[Told]:
        dispute = self._dispute_that_is("raised", match)
        self._find(match, dispute, "upheld", finding)
        return self._settled(match, dispute, by_county=True)

    def pass_deadline(self, match: Match, finding: int | None = None) -> list[Told]:
        """Nobody answers: it goes up; nobody takes it on: it ends as it was answered; the county has all the time it needs."""
        dispute = match.dispute
        if dispute is None or dispute.state not in ("open", "answered"):
            return []
        if dispute.state == "answered":
            return self._settled(match, dispute, by_county=False)
        dispute.go("raised")
        return [("dispute_raised", dispute.id, dispute.version, {"unanswered": True})]

    def _settled(self, match: Match, dispute: Dispute, by_county: bool) -> list[Told]:
        dispute.go("settled")
        match.version += 1
        says = {"outcome": dispute.outcome, "by_county": by_county, "received": dispute.received}
        told: list[Told] = [("dispute_settled", dispute.id, dispute.version, says)]
        if dispute.received is not None and match.state == "received":
            match.moved["corrected"] = dispute.received
            told.append(("match_corrected", match.id, match.version, {"sent": match.moved["sent"], "received": dispute.received}))
        return told

    def _dispute_that_is(self, state: str, match: Match) -> Dispute:
        if match.dispute is None or match.dispute.state != state:
            raise Refused("state_conflict")
        return match.dispute

    def close(self, match: Match, side: str) -> list[Told]:
        self._undisputed(match)
        self.may(match, True, "received")
        if side == "giver":
            raise Refused("still_disputable")
        arrived = match.arrived
        because = "delivered" if arrived == match.moved["promised"] else "partly_delivered" if arrived else "nothing_arrived"
        return self._close(match, because)

    def _undisputed(self, match: Match) -> None:
        if match.dispute and match.dispute.state != "settled":
            raise Refused("disputed")

    def cancel(self, match: Match, side: str, reason: str) -> list[Told]:
        self._undisputed(match)
        self.may(match, True, "accepted", *(["sent"] if side in HOUSEHOLDS else []))
        if reason not in (OF_HOUSEHOLD if side in HOUSEHOLDS else OF_GIVER):
            raise Refused("not_allowed")
        match.barred = True
        if match.state == "accepted":
            match.moved["returned"] = match.moved["promised"]
        return self._close(match, reason, kept=reason in STILL_NEEDED_NO_MORE)

    def end_unsent(self, match: Match) -> list[Told]:
        """The time to send is over: a no-show, unless the giver waited because the need had ended."""
        match.barred, match.moved["returned"] = True, match.moved["promised"]
        return self._close(match, "need_over" if match.need_ended else "giver_no_show")

    def _close(self, match: Match, because: str, kept: bool = False) -> list[Told]:
        match.advance("closed", because)
        figures = {"sent": match.moved.get("sent", 0), "received": match.arrived}
        return [("match_closed", match.id, match.version, {"reason": because, **figures})]

    def print_slip(self, match: Match, side: str, token: str) -> list[Told]:
        self.may(match, side == "agent", "accepted", "sent")
        for slip in match.slips:
            slip.revoked = slip.revoked or not slip.used
        match.slips.append(Slip(token))
        return []

    def confirm_slip(self, match: Match, slip: Slip, quantity: int | None, reason: str | None) -> list[Told]:
        if slip.revoked:
            raise Refused("slip_unknown")
        if slip.used:
            raise Refused("slip_used")
        if match.state != "sent":
            raise Refused("state_conflict")
        told = self._receive(match, quantity, reason, "by_slip")
        slip.used = True
        return told
