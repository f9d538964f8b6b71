"""Tables of the catalogue: the national items, and the rules that regions have set."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, RegionCode, now
from needs.model import Base


class CatalogueItem(Base):
    """A group or an item of the national catalogue, as `items.toml` states it. Published once `published_version` is its version."""

    __tablename__ = "catalogue_items"

    category: Mapped[str] = mapped_column(CategoryCode, primary_key=True)
    id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    published_version: Mapped[int] = mapped_column(BigInteger, default=0)
    unit: Mapped[str | None] = mapped_column(String(20))
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    changed_at: Mapped[datetime] = mapped_column(Moment, default=now)


class CatalogueRules(Base):
    """One version of the rules that a region has set. The latest version holds; the others say who set what before.

    `rules` holds `sets` (the catalogues that are switched on, or null), `items` (the changed fields by category) and `forbidden`.
    """

    __tablename__ = "catalogue_rules"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    set_by: Mapped[UUID]
    set_at: Mapped[datetime] = mapped_column(Moment)
