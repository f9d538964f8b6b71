"""Table of the settings that regions have made for verification."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode
from needs.model import Base


class ReviewSettings(Base):
    """One version of the settings of a region. The latest holds; what is null is as in the region around.

    `county_above` is in fen: a need of a greater value is verified by the county too. `sample_per_mille` is the share of verified needs
    that the county checks again.
    """

    __tablename__ = "review_settings"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    county_above: Mapped[int | None] = mapped_column(BigInteger)
    sample_per_mille: Mapped[int | None] = mapped_column(SmallInteger)
    set_by: Mapped[UUID]
    set_at: Mapped[datetime] = mapped_column(Moment)
