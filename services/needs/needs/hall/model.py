"""Tables of the hall's figures: how many published needs there are, and the changes that a timer adds to them."""

from sqlalchemy import BigInteger, Computed, Identity, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, RegionCode
from needs.model import Base

ABOVE = (
    "CASE length(region) WHEN 0 THEN NULL WHEN 2 THEN '' WHEN 4 THEN left(region, 2) WHEN 6 THEN left(region, 4) ELSE left(region, 6) END"
)


class NeedCount(Base):
    """The published needs of a region, category and urgency: those still `open`, and those that are `covered` and wait for delivery.

    `""` is the whole country and every category. `above` is the region around this one.
    """

    __tablename__ = "need_counts"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    category: Mapped[str] = mapped_column(CategoryCode, primary_key=True)
    urgency: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    open: Mapped[int] = mapped_column(BigInteger)
    covered: Mapped[int] = mapped_column(BigInteger)
    above: Mapped[str | None] = mapped_column(String(12, collation="C"), Computed(ABOVE))


class NeedCountChange(Base):
    """A change of the counts that is not added up yet, written by the triggers on `needs`: one row for a need, not one for each region."""

    __tablename__ = "need_count_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    urgency: Mapped[int] = mapped_column(SmallInteger)
    is_open: Mapped[bool]
    needs: Mapped[int] = mapped_column(BigInteger)
