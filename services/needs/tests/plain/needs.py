"""A plain model of a need's life, without a database: its states, expiry, history, and the events that each act publishes."""

from dataclasses import dataclass, field

PERIOD, REMINDED, SHORTEST = 60, 7, 3
"""Days of a period, before the expiry at which the side is reminded, and at least between a reminder and the expiry."""
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
        return self.state in {"accepted", "sent", "received", "closed"}

    @property
    def arriving(self) -> int:
        """What arrives or may still arrive."""
        return next(figure for figure in (self.received, self.sent, self.quantity) if figure is not None)


@dataclass
class Need:
    """A need in one of its states. `days` are left until its expiry; `photos` counts the photos of its slip."""

    quantity: int
    needs_photo: bool
    state: str = "posted"
    version: int = 1
    days: int | None = None
    is_reminded: bool = False
    photos: int = 0
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
        self.days = PERIOD
        return self._become("published", "NeedPublished")

    def reject(self, by: str) -> Told:
        self._judge(by)
        return self._end("rejected")

    def withdraw(self, by: str) -> Told:
        self._of_side(by)
        self._in("posted", "published")
        return self._end("withdrawn")

    def close(self, by: str) -> Told:
        if by == "stranger":
            raise Refused("not_found")
        if by == "household":
            raise Refused("not_allowed")
        self._in("published")
        return self._end("closed")

    def renew(self, by: str) -> Told:
        self._of_side(by)
        self._in("published")
        self.days, self.is_reminded = max(PERIOD, self.days or 0), False
        return self._change("renewed", "NeedRenewed")

    def add_slip(self, by: str) -> Told:
        self._known_to(by)
        if by == "town":
            raise Refused("not_allowed")
        self._in("posted")
        if self.photos == 2:
            raise Refused("enough_photos")
        self.photos += 1
        self.history.append((self.version, "photo_added"))
        return []

    def pass_days(self, days: int) -> None:
        if self.days is not None:
            self.days -= days

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
        is_met = self.state == "published" and self.delivered >= self.quantity
        return self._end("met") if is_met and heard.state in {"received", "closed"} else []

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
        self._in("posted")

    def _of_side(self, by: str) -> None:
        self._known_to(by)
        if by == "town":
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
