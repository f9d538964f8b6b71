"""Tables of sampled needs, and of the seeds by which they are drawn."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id
from needs.model import Base


class Seed(Base):
    """The random seed of a county. Whoever knows it can draw the county's sample again; it is shown to nobody who verifies."""

    __tablename__ = "review_seeds"

    county: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    seed: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime] = mapped_column(Moment)


class Sample(Base):
    """A verified need that was drawn, and the county's verdict on its verification. `value` is its weight in fen.

    `reviewer_id` verified it at the first step, `second_reviewer_id` at the county, if that was needed.
    """

    __tablename__ = "review_samples"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    need_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(String(100, collation="C"))
    reviewer_id: Mapped[UUID]
    second_reviewer_id: Mapped[UUID | None]
    value: Mapped[int] = mapped_column(BigInteger)
    verified_at: Mapped[datetime] = mapped_column(Moment)
    is_right: Mapped[bool | None]
    reason: Mapped[str | None] = mapped_column(String(50))
    checked_by: Mapped[UUID | None]
    checked_at: Mapped[datetime | None] = mapped_column(Moment)
