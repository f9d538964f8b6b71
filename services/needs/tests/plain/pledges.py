"""A plain model of a pledge's life: its quantity, what is open of it, and whether it is listed."""

from dataclasses import dataclass, field

from .needs import Match, Refused, Told


@dataclass
class Pledge:
    """A pledge. `answered` is the newest version that matching has answered, `released` the newest answer."""

    quantity: int
    version: int = 1
    is_withdrawn: bool = False
    is_resting: bool = False
    is_valid: bool = True
    is_expired: bool = False
    answered: int = 0
    released: int = 0
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

    @property
    def accepted(self) -> int:
        """What was promised, less what was never sent."""
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
