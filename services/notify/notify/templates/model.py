"""The table of the words that regions have set. Every version stays, so that each change can be looked up."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode
from notify.model import Base


class WordSet(Base):
    """One version of a region's words for one side of a kind of notice: a title and a text in each language.

    The last version of a region holds. Without `words` it ends them: then those of the region around it hold.
    """

    __tablename__ = "templates"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    kind: Mapped[str] = mapped_column(String(100), primary_key=True)
    side: Mapped[str] = mapped_column(String(20), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    words: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    set_by: Mapped[UUID]
    set_at: Mapped[datetime] = mapped_column(Moment)
