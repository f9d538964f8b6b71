"""What matching knows: the book of needs and pledges, the matches between them, what moved in each, and the slips printed for them."""

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
    """A published need. `rest` is what nothing is set aside for yet; an ended need keeps a row, so that late events change nothing.

    One that was found worth too little for something is `declined` until it is weighed anew. `open` is one of which something is left.
    """

    __tablename__ = "needs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    poster_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    urgency: Mapped[int] = mapped_column(SmallInteger)
    quantity: Mapped[int] = mapped_column(BigInteger)
    rest: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[bool]
    posted_at: Mapped[datetime] = mapped_column(Moment)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    deferred: Mapped[bool] = mapped_column("declined", default=False)
    open: Mapped[bool] = mapped_column(Computed("NOT ended AND rest > 0"))


class Pledge(Base):
    """An open pledge. `scope` is the region where it may go; `rest` is what is not set aside for any need;
    `reliability` is the class of its pledger, `not_for` are the regions and items that the lessons in force speak against.

    One that its pledger lets rest is `paused` and, until it goes on, as good as `ended`; one that is no longer valid is found `expired`
    soon afterwards. `open` is one of which something is free.
    """

    __tablename__ = "pledges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    pledger_id: Mapped[UUID]
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(RegionCode)
    quantity: Mapped[int] = mapped_column(BigInteger)
    rest: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[bool]
    paused: Mapped[bool] = mapped_column(default=False)
    expired: Mapped[bool] = mapped_column(default=False)
    open: Mapped[bool] = mapped_column(Computed("NOT ended AND NOT expired AND rest > 0"))
    valid_until: Mapped[datetime] = mapped_column(Moment)
    offered_at: Mapped[datetime] = mapped_column(Moment)
    reliability: Mapped[int] = mapped_column(SmallInteger, default=3)
    exclusions: Mapped[list[str]] = mapped_column("not_for", ARRAY(Text), default=list)
    releases: Mapped[int] = mapped_column(BigInteger)
    released_at: Mapped[datetime | None] = mapped_column(Moment)


class Match(Base):
    """A quantity of one pledge set aside for one need; what became of it stands in its movements. `barred` pairs are never proposed to
    each other again.
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
    need_ended_because: Mapped[str | None] = mapped_column(String(50))
    need_ended_at: Mapped[datetime | None] = mapped_column(Moment)
    need_ended_version: Mapped[int | None] = mapped_column(BigInteger)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    closed_by: Mapped[UUID | None]
    movements: Mapped[list["Movement"]] = relationship(lazy="selectin", order_by="Movement.version")

    def movement(self, kind: str) -> "Movement | None":
        return next((movement for movement in self.movements if movement.kind == kind), None)

    def moved(self, kind: str) -> int:
        """How much was promised, sent, received or returned; 0 until it is."""
        movement = self.movement(kind)
        return movement.quantity if movement else 0


class Movement(Base):
    """What moved in a match, at most once of each kind, and at which version of the match. Rows are only ever added.

    `promised` was agreed to, `sent` left the giver, `received` arrived, `returned` went back to the pledge because it was never sent.
    `by` is who said so, empty when it was said with a slip: who printed that answers for it.
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
    """A hand-over slip, printed by the household's village. Of its token only the hash is known; printing another one revokes it."""

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
"""Who may decide about a match depends on who printed its slip: loaded along with many."""
