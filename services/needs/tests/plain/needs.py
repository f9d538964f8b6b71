"""A plain model of a need's life, without a database: its states, expiry, history, and the events that each act publishes."""

from dataclasses import dataclass, field

PERIOD, REMINDED, SHORTEST = 60, 7, 3
"""Days of a period, before the expiry at which the side is reminded, and at least between a reminder and the expiry."""
PRICE = 800
"""The price of a unit in fen, by which the county decides about large needs."""
RENEWABLE = 30
"""Days after its expiry within which a need may still be renewed."""
OPEN = ("posted", "confirmed", "returned", "published")
COUNTY = ("county", "city")
"""The administrators of the county and around it."""
ENDS = {"rejected": "NeedRejected", "withdrawn": "NeedWithdrawn", "closed": "NeedClosed", "expired": "NeedExpired", "met": "NeedMet"}

Told = list[tuple[str, int]]
"""Names of events with the versions of the need."""


class Refused(Exception):
    """The act is refused with this code."""


@dataclass
class Match:
    """A match of the need as the newest heard event left it."""

    version: int
    state: str
    quantity: int
    sent: int | None = None
    received: int | None = None

    @property
    def is_promised(self) -> bool:
        return self.state in {"accepted", "sent", "received", "corrected", "closed"}

    @property
    def arriving(self) -> int:
        """The units that arrived or may still arrive."""
        return next(figure for figure in (self.received, self.sent, self.quantity) if figure is not None)


@dataclass
class Need:
    """A need in one of its states. `days` are left until its expiry; `photos` counts the photos of its slip.

    `over` are the days since it ended; `posted_at` and `ended_at` are places in the order of the acts. The county decides about values
    above `threshold`, in fen.
    """

    quantity: int
    needs_photo: bool
    state: str = "posted"
    version: int = 1
    days: int | None = None
    is_reminded: bool = False
    photos: int = 0
    posted_at: int = 0
    ended_at: int = 0
    over: int = 0
    threshold: int = 10**9
    confirmed_by: str = ""
    history: list[tuple[int, str]] = field(default_factory=lambda: [(1, "posted")])
    matches: dict[int, Match] = field(default_factory=dict)

    def verify(self, by: str, quantity: int | None) -> Told:
        self._judge(by)
        if self.quantity == 0 and quantity is None:
            raise Refused("quantity_unsettled")
        if self.quantity and quantity not in {None, self.quantity}:
            raise Refused("quantity_settled")
        if self.needs_photo and not self.photos:
            raise Refused("consent_photo_needed")
        self.quantity = self.quantity or quantity or 0
        if self.state == "posted" and self._is_large:
            self.confirmed_by = by
            return self._become("confirmed", "NeedConfirmed")
        self.days = PERIOD
        return self._become("published", "NeedPublished")

    def give_back(self, by: str) -> Told:
        self._judge(by)
        self.confirmed_by = ""
        return self._become("returned", "NeedReturned")

    def amend(self, by: str, quantity: int) -> Told:
        self._of_side(by)
        self._in("posted", "returned")
        self.quantity = quantity
        if self.state == "returned":
            return self._become("posted", "NeedPosted")
        return self._change("changed", "NeedPosted")

    def reject(self, by: str) -> Told:
        self._judge(by)
        return self._end("rejected")

    def withdraw(self, by: str) -> Told:
        self._of_side(by)
        self._in(*OPEN)
        return self._end("withdrawn")

    def close(self, by: str) -> Told:
        if by == "stranger":
            raise Refused("not_found")
        if by == "household":
            raise Refused("not_allowed")
        self._in("published")
        return self._end("closed")

    def renew(self, by: str, others: "list[Need]") -> Told:
        self._of_side(by)
        if self.state == "expired":
            return self._renew_late(others)
        self._in("published")
        self.days, self.is_reminded = max(PERIOD, self.days or 0), False
        return self._change("renewed", "NeedRenewed")

    def _renew_late(self, others: "list[Need]") -> Told:
        """Open it again, unless the county has to verify it now, or the household has asked for the same since."""
        if self.over >= RENEWABLE:
            raise Refused("renewal_over")
        if self._is_large and not self.confirmed_by:
            raise Refused("review_needed")
        if any(other.posted_at >= self.ended_at and other.state in OPEN for other in others if other is not self):
            raise Refused("posted_again")
        return self._reopen()

    def _reopen(self) -> Told:
        self.state, self.days, self.is_reminded = "published", max(PERIOD, self.days or 0), False
        return self._change("reopened", "NeedReopened")

    @property
    def _is_large(self) -> bool:
        return self.quantity * PRICE > self.threshold

    def add_slip(self, by: str) -> Told:
        self._known_to(by)
        if by in {"town", *COUNTY}:
            raise Refused("not_allowed")
        self._in("posted", "returned")
        if self.photos == 2:
            raise Refused("enough_photos")
        self.photos += 1
        self.history.append((self.version, "photo_added"))
        return []

    def pass_days(self, days: int) -> None:
        if self.days is not None:
            self.days -= days
        if self.state == "expired":
            self.over += days

    def forget_expiry(self) -> None:
        """As a process of the release before publishes."""
        if self.state == "published" and not self.is_reminded:
            self.days = None

    def set_missing(self) -> Told:
        if self.state == "published" and self.days is None:
            self.days = PERIOD
        return []

    def remind(self) -> Told:
        if self.state != "published" or self.is_reminded or self.days is None or self.days > REMINDED:
            return []
        self.is_reminded, self.days = True, max(self.days, SHORTEST)
        return self._change("reminded", "NeedExpiring")

    def expire(self) -> Told:
        if self.state != "published" or not self.is_reminded or self.days is None or self.days > 0:
            return []
        return self._end("expired")

    def hear(self, number: int, heard: Match) -> Told:
        known = self.matches.get(number)
        if known is None or known.version < heard.version:
            self.matches[number] = heard
        if heard.state not in {"received", "corrected", "closed"}:
            return []
        if self.state == "published" and self.delivered >= self.quantity:
            return self._end("met")
        return self._reopen() if self.state == "met" and self.delivered < self.quantity else []

    @property
    def accepted(self) -> int:
        return sum(one.arriving for one in self.matches.values() if one.is_promised)

    @property
    def proposed(self) -> int:
        return sum(one.quantity for one in self.matches.values() if one.state == "proposed")

    @property
    def delivered(self) -> int:
        return sum(one.received or 0 for one in self.matches.values() if one.is_promised)

    def _judge(self, by: str) -> None:
        self._known_to(by)
        if by in {"household", "poster"}:
            raise Refused("own_need")
        if self.state == "confirmed":
            if by == self.confirmed_by:
                raise Refused("own_review")
            if by not in COUNTY:
                raise Refused("county_verifies")
            return
        self._in("posted")

    def _of_side(self, by: str) -> None:
        self._known_to(by)
        if by in {"town", *COUNTY}:
            raise Refused("not_allowed")

    def _known_to(self, by: str) -> None:
        if by == "stranger":
            raise Refused("not_found")

    def _in(self, *states: str) -> None:
        if self.state not in states:
            raise Refused("state_conflict")

    def _end(self, state: str) -> Told:
        return self._become(state, ENDS[state])

    def _become(self, state: str, event: str) -> Told:
        self.state = state
        return self._change(state, event)

    def _change(self, act: str, event: str) -> Told:
        self.version += 1
        self.history.append((self.version, act))
        return [(event, self.version)]
