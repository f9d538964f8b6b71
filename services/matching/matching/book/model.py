"""Tables of the book: needs, pledges, matches, movements and hand-over slips."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, ForeignKey, LargeBinary, MetaData, SmallInteger, String, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from chassis.data.database import NAMING, CategoryCode, Moment, RegionCode, new_id
from chassis.data.encryption import Encrypted


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Need(Base):
    """A published need. `rest` is the quantity for which nothing is set aside yet; a need with some rest is `open`.

    An ended need keeps its row, so that late events change nothing. A need is `deferred` while the threshold of its region keeps it from
    some pledges. `charity` receives the money of a need for money; without one, the need is entered as ended.
    """

    __tablename__ = "needs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    poster_id: Mapped[UUID]
    of_institution: Mapped[bool] = mapped_column(default=False)
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    urgency: Mapped[int] = mapped_column(SmallInteger)
    quantity: Mapped[int] = mapped_column(BigInteger)
    rest: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[bool]
    posted_at: Mapped[datetime] = mapped_column(Moment)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    charity: Mapped[str | None] = mapped_column(String(200))
    deferred: Mapped[bool] = mapped_column("declined", default=False)
    open: Mapped[bool] = mapped_column(Computed("NOT ended AND rest > 0"))


class Pledge(Base):
    """An offered pledge. `scope` is the region where it may go; `rest` is the quantity not set aside for any need.

    A pledge with some rest is `open`, unless its giver is still `choosing`. `reliability` is the class of its pledger. `exclusions` are the
    regions and items that refusal rules exclude, and the `unfit` items, which are of another kind. A `paused` pledge also counts as
    `ended` until it is resumed. A timer marks pledges `expired` soon after `valid_until`. `releases` counts the published releases, the
    versions of `PledgeReleased`. Goods are handed over by `best_before`, so `valid_until` is five days before it at the latest. One
    household gets at most `household_limit`. `kind` is empty for rows of before until needs tells it again. `claimed_need_id` is the need
    for which it was offered, and `claim_problem` why that need got nothing of it.
    """

    __tablename__ = "pledges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    pledger_id: Mapped[UUID]
    pledger_kind: Mapped[str | None] = mapped_column(String(20))
    kind: Mapped[str | None] = mapped_column(String(20))
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(RegionCode)
    quantity: Mapped[int] = mapped_column(BigInteger)
    rest: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[bool]
    paused: Mapped[bool] = mapped_column(default=False)
    expired: Mapped[bool] = mapped_column(default=False)
    choosing: Mapped[bool] = mapped_column(default=False)
    open: Mapped[bool] = mapped_column(Computed("NOT ended AND NOT expired AND NOT choosing AND rest > 0"))
    choose_until: Mapped[datetime | None] = mapped_column(Moment)
    best_before: Mapped[datetime | None] = mapped_column(Moment)
    household_limit: Mapped[int | None] = mapped_column(BigInteger)
    claimed_need_id: Mapped[UUID | None]
    claim_problem: Mapped[str | None] = mapped_column(String(20))
    valid_until: Mapped[datetime] = mapped_column(Moment)
    offered_at: Mapped[datetime] = mapped_column(Moment)
    reliability: Mapped[int] = mapped_column(SmallInteger, default=3)
    exclusions: Mapped[list[str]] = mapped_column("not_for", ARRAY(Text), default=list)
    unfit: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    releases: Mapped[int] = mapped_column(BigInteger)
    released_at: Mapped[datetime | None] = mapped_column(Moment)


class MergedHousehold(Base):
    """A household that was merged into another; `present_id` is the one at the end of its merges."""

    __tablename__ = "merged_households"

    household_id: Mapped[UUID] = mapped_column(primary_key=True)
    present_id: Mapped[UUID]


class Match(Base):
    """A quantity of one pledge set aside for one need; its movements say what became of it.

    The two sides of a `barred` match are never proposed to each other again. An accepted match is to be sent until `send_by`; the next
    reminder of that is due at `send_reminder_at`, and the last one was at `send_reminded_at`. `giver_kind` is the kind of the pledger's
    account, known since the acceptance. `charity` receives the money, if the match is about money. A received match closes by itself at
    `close_at`, when the time to dispute the receipt is over. `best_before` is the date of the goods; the receiving side was reminded of
    it at `goods_reminded_at`, while they were on the way.
    """

    __tablename__ = "matches"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    need_id: Mapped[UUID]
    pledge_id: Mapped[UUID]
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    poster_id: Mapped[UUID]
    pledger_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    parts: Mapped[dict[str, int] | None] = mapped_column(JSONB)
    score: Mapped[int | None] = mapped_column(BigInteger)
    lead: Mapped[int | None] = mapped_column(BigInteger)
    weights_version: Mapped[int | None]
    weights_region: Mapped[str | None] = mapped_column(RegionCode)
    ended_because: Mapped[str | None] = mapped_column(String(50))
    dispute: Mapped[str | None] = mapped_column(String(10))
    barred: Mapped[bool] = mapped_column(default=False)
    proposed_at: Mapped[datetime] = mapped_column(Moment)
    answer_by: Mapped[datetime] = mapped_column(Moment)
    reminded_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    send_by: Mapped[datetime | None] = mapped_column(Moment)
    send_reminder_at: Mapped[datetime | None] = mapped_column(Moment)
    send_reminded_at: Mapped[datetime | None] = mapped_column(Moment)
    need_ended_because: Mapped[str | None] = mapped_column(String(50))
    need_ended_at: Mapped[datetime | None] = mapped_column(Moment)
    need_ended_version: Mapped[int | None] = mapped_column(BigInteger)
    need_reopened_at: Mapped[datetime | None] = mapped_column(Moment)
    need_reopened_version: Mapped[int | None] = mapped_column(BigInteger)
    close_at: Mapped[datetime | None] = mapped_column(Moment)
    best_before: Mapped[datetime | None] = mapped_column(Moment)
    goods_reminded_at: Mapped[datetime | None] = mapped_column(Moment)
    goods_reminded_version: Mapped[int | None] = mapped_column(BigInteger)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    closed_by: Mapped[UUID | None]
    giver_kind: Mapped[str | None] = mapped_column(String(20))
    charity: Mapped[str | None] = mapped_column(String(200))
    movements: Mapped[list["Movement"]] = relationship(lazy="selectin", order_by="Movement.version")

    def movement(self, kind: str) -> "Movement | None":
        """Return the movement of this kind, or None."""
        return next((movement for movement in self.movements if movement.kind == kind), None)

    def moved(self, kind: str) -> int:
        """Return the quantity that was promised, sent, received or returned; 0 before that. A correction replaces what was received."""
        movement = (self.movement("corrected") if kind == "received" else None) or self.movement(kind)
        return movement.quantity if movement else 0


class Movement(Base):
    """A quantity that moved in a match, at most once of each kind, with the match's version then. Rows are only ever added.

    Kinds: `promised` by the pledger, `sent` by the giver, `received` by the household's side, `returned` to the pledge because it was
    never sent, `corrected` to what had arrived as a dispute found. `by` is the person who reported it; empty for a correction, and for
    a slip, for which its printer answers.
    """

    __tablename__ = "movements"

    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    quantity: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[UUID | None]
    slip_id: Mapped[UUID | None]
    reason: Mapped[str | None] = mapped_column(String(20))
    carrier: Mapped[str | None] = mapped_column(String(20))
    tracking_number: Mapped[str | None] = mapped_column(Encrypted, deferred=True)
    slip: Mapped["Slip | None"] = relationship(primaryjoin="foreign(Movement.slip_id) == Slip.id", viewonly=True)


class Slip(Base):
    """A hand-over slip, printed by the household's village. Only the hash of its token is stored; a newer slip revokes it."""

    __tablename__ = "slips"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    printed_by: Mapped[UUID]
    printed_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


WITH_SLIPS = selectinload(Match.movements).selectinload(Movement.slip)
"""Loader option: movements with their slips, whose printers count as involved in the match."""
