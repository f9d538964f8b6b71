"""A plain model of a pledge's life: its quantity, what is open of it, and whether it is listed."""

from dataclasses import dataclass, field

from .needs import Match, Refused, Told


@dataclass
class Pledge:
    """A pledge. `answered` is the newest version that matching has answered, `released` the newest answer.

    `claim` is what became of the need that it was offered for; `again` holds what was offered again of each match.
    """

    quantity: int
    version: int = 1
    is_withdrawn: bool = False
    is_resting: bool = False
    is_valid: bool = True
    is_expired: bool = False
    answered: int = 0
    released: int = 0
    claim: str | None = None
    again: dict[int, int] = field(default_factory=dict)
    matches: dict[int, Match] = field(default_factory=dict)

    def change(self, quantity: int, *, by_owner: bool) -> Told:
        self._act(by_owner)
        if quantity == self.quantity:
            return []
        self.quantity = quantity
        return self._told("PledgeChanged")

    def extend(self, *, by_owner: bool) -> Told:
        """Offer it for another time. The end of its validity differs each time, so it is always a change."""
        self._act(by_owner)
        self.is_valid, self.is_expired = True, False
        return self._told("PledgeChanged")

    def withdraw(self, *, by_owner: bool) -> Told:
        self._act(by_owner)
        self.is_withdrawn = True
        return self._told("PledgeWithdrawn")

    def run_out(self) -> None:
        self.is_valid = False

    def expire(self) -> None:
        self.is_expired = self.is_expired or not self.is_valid

    def release(self, version: int, answers: int, quantity: int, *, is_resting: bool) -> None:
        if version <= self.released:
            return
        self.released, self.answered, self.is_resting = version, answers, is_resting
        if answers == self.version:
            self.quantity = quantity

    def hear(self, number: int, heard: Match) -> None:
        known = self.matches.get(number)
        if known is None or known.version < heard.version:
            self.matches[number] = heard

    def decide_claim(self, state: str) -> None:
        """Matching decides once about the need that the pledge was offered for."""
        if self.claim == "waiting":
            self.claim = state

    def offer_again(self, number: int, quantity: int | None, *, by_owner: bool) -> int:
        """Offer again what came back of a match; return how much."""
        match = self.matches.get(number)
        if match is None or not by_owner:
            raise Refused("not_found")
        back = self._count_back(match) - self.again.get(number, 0)
        if back < (quantity or 1):
            raise Refused("nothing_came_back")
        self.again[number] = self.again.get(number, 0) + (quantity or back)
        return quantity or back

    def _count_back(self, match: Match) -> int:
        """The units that were sent and did not arrive; once the pledge has ended, also those never sent."""
        if match.state not in {"received", "corrected", "closed"}:
            return 0
        sent = match.sent or 0
        unsent = match.quantity - sent if self.is_withdrawn or not self.is_valid else 0
        return sent - (match.received or 0) + unsent

    @property
    def accepted(self) -> int:
        """The promised units without those never sent."""
        return sum(one.quantity if one.sent is None else one.sent for one in self.matches.values() if one.is_promised)

    @property
    def proposed(self) -> int:
        return sum(one.quantity for one in self.matches.values() if one.state == "proposed")

    @property
    def is_listed(self) -> bool:
        is_offered = not (self.is_withdrawn or self.is_resting or self.is_expired)
        return is_offered and self.quantity > self.accepted + self.proposed

    def _act(self, by_owner: bool) -> None:
        if not by_owner:
            raise Refused("not_found")
        if self.is_withdrawn:
            raise Refused("state_conflict")

    def _told(self, event: str) -> Told:
        self.version += 1
        return [(event, self.version)]
