"""Table of the weights that regions have set. Every version stays, so that each proposal can be explained by its own."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode
from matching.book.model import Base


class WeightSet(Base):
    """One version of a region's weights, which holds from `valid_from` until a later version does."""

    __tablename__ = "weights"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    weights: Mapped[dict[str, Any]] = mapped_column(JSONB)
    set_by: Mapped[UUID]
    set_at: Mapped[datetime] = mapped_column(Moment)
    valid_from: Mapped[datetime] = mapped_column(Moment)
