"""Records of the plain book: needs, pledges, matches and their parts."""

from dataclasses import dataclass, field
from uuid import UUID

STILL_NEEDED_NO_MORE = ("household_moved", "need_over")
HOUSEHOLDS = ("household", "agent")
"""The people who speak for the household: itself and the administrator of its village."""
OF_GIVER = ("not_deliverable", "giver_withdrew")
OF_HOUSEHOLD = ("not_deliverable", "giver_no_show", "household_moved", "need_over")


class Refused(Exception):
    """The book does not let somebody do this; the code says why."""


@dataclass
class Need:
    id: UUID
    version: int
    account: UUID | None
    region: str
    category: str
    unit: str
    quantity: int
    ended: bool = False
    urgency: str = "normal"

    @property
    def state(self) -> str:
        return "ended" if self.ended else "open"


@dataclass
class Pledge:
    id: UUID
    version: int
    pledger: UUID
    scope: str
    category: str
    unit: str
    quantity: int
    ended: bool = False
    expired: bool = False
    resting: bool = False
    releases: int = 0
    lessons: list["Lesson"] = field(default_factory=list)

    @property
    def state(self) -> str:
        return "ended" if self.ended or self.resting else "open"


@dataclass
class Lesson:
    """A refusal rule of a pledge: not to this region, not for this item, or paused for everybody."""

    match: "Match"
    region: str = ""
    category: str = ""
    resting: bool = False
    forgotten: bool = False


@dataclass
class Slip:
    token: str
    revoked: bool = False
    used: bool = False


@dataclass
class Dispute:
    id: UUID
    side: str = "giver"
    state: str = "open"
    version: int = 1
    outcome: str = ""
    received: int | None = None

    def go(self, state: str) -> None:
        self.state, self.version = state, self.version + 1


@dataclass
class Match:
    id: UUID
    need: Need
    pledge: Pledge
    quantity: int
    state: str = "proposed"
    version: int = 1
    barred: bool = False
    late: bool = False
    nearly_late: bool = False
    reminded: bool = False
    because: str | None = None
    need_ended: bool = False
    dispute: "Dispute | None" = None
    moved: dict[str, int] = field(default_factory=dict)
    slips: list[Slip] = field(default_factory=list)

    def advance(self, state: str, because: str | None = None) -> None:
        self.state, self.because, self.version = state, because or self.because, self.version + 1

    @property
    def arrived(self) -> int:
        """The received units, as a dispute corrected them."""
        return self.moved.get("corrected", self.moved.get("received", 0))

    @property
    def kept_by_pledge(self) -> int:
        if self.state == "proposed":
            return self.quantity
        return self.moved.get("promised", 0) - self.moved.get("returned", 0)

    @property
    def kept_by_need(self) -> int:
        if self.state == "proposed":
            return self.quantity
        if "received" in self.moved:
            return self.arrived
        if self.state == "declined" or (self.state == "closed" and self.because not in STILL_NEEDED_NO_MORE):
            return 0
        return self.moved.get("sent", self.moved.get("promised", 0))


def fits(need: Need, pledge: Pledge) -> bool:
    wanted, given = need.category.split("."), pledge.category.split(".")
    return need.unit == pledge.unit and need.region.startswith(pledge.scope) and wanted[: len(given)] == given
