"""Table of hand-overs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, RegionCode, new_id
from users.base import Base


class Handover(Base):
    """The hand-over of an accepted match, as matching told it last: its two sides, its step, and when its door shuts.

    `version` is the version of the match that was heard. A match whose end was heard first has a door that is shut for ever. `place_id`
    and `route_version` are the collection point that the giver knows; `told_version` counts what the giver was told about its changes.
    `dispute_version` is the version of the match's dispute that was heard, 0 without one; it is open until `dispute_settled_at`.
    """

    __tablename__ = "handovers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    match_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    poster_id: Mapped[UUID]
    pledger_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    step: Mapped[str] = mapped_column(String(20))
    shuts_at: Mapped[datetime] = mapped_column(Moment)
    place_id: Mapped[UUID | None]
    route_version: Mapped[int] = mapped_column(BigInteger)
    told_version: Mapped[int] = mapped_column(BigInteger)
    told_at: Mapped[datetime | None] = mapped_column(Moment)
    dispute_version: Mapped[int] = mapped_column(BigInteger, default=0)
    dispute_settled_at: Mapped[datetime | None] = mapped_column(Moment)
