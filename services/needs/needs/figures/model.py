"""The tables of figures: what was told last, and which needs have changed since."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode
from needs.model import Base


class NeedFigures(Base):
    """The figures of a need as they were published last; `version` grows with each event. Everybody may see them while it `is_public`."""

    __tablename__ = "need_figures"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    account_id: Mapped[UUID | None]
    region: Mapped[str] = mapped_column(RegionCode)
    state: Mapped[str] = mapped_column(String(20))
    is_public: Mapped[bool]
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    accepted: Mapped[int] = mapped_column(BigInteger)
    proposed: Mapped[int] = mapped_column(BigInteger)
    delivered: Mapped[int] = mapped_column(BigInteger)
    counted_at: Mapped[datetime] = mapped_column(Moment)


class NeedFigureChange(Base):
    """A change of a published need that is not told yet, written by triggers on `needs` and `need_quantities`."""

    __tablename__ = "need_figure_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    need_id: Mapped[UUID]
