"""Table of collection points."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id
from users.base import Base


class Place(Base):
    """A collection point of a village, township or county: what counts of it, and a proposal that waits for the level above.

    A new point that would take goods from another one is `waiting` as a whole; `refused` if the level above does not want it. The
    columns `published_…` belong to the last `PlaceChanged`. `route_version` is the version at which address, telephone, hours or state
    last changed; `announced_version` is the one that givers under way have been told of, as far as `announced_to` (the id of a match).
    """

    __tablename__ = "places"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    region: Mapped[str] = mapped_column(RegionCode)
    state: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(200))
    hours: Mapped[str] = mapped_column(String(200))
    telephone: Mapped[str | None] = mapped_column(String(20))
    do_not_bring: Mapped[str] = mapped_column(String(300))
    published_version: Mapped[int | None] = mapped_column(BigInteger)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    route_version: Mapped[int] = mapped_column(BigInteger, default=0)
    announced_version: Mapped[int] = mapped_column(BigInteger, default=0)
    announced_to: Mapped[UUID | None]
    proposal_id: Mapped[UUID | None]
    proposed_name: Mapped[str | None] = mapped_column(String(100))
    proposed_address: Mapped[str | None] = mapped_column(String(200))
    proposed_telephone: Mapped[str | None] = mapped_column(String(20))
    proposed_by: Mapped[UUID | None]
    proposed_at: Mapped[datetime | None] = mapped_column(Moment)
    proposed_version: Mapped[int | None] = mapped_column(BigInteger)
