"""The table of notify: notices with their recipients, channels and reading times."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.data.database import NAMING, Moment

IN_APP, OUTSIDE = "in_app", "outside"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Notice(Base):
    """A notice to one person about one event.

    `about` is its subject (a need, pledge, match, thanks, dispute or appeal) and `about_version` the subject's version. `facts` fill the
    words. A notice in the app is delivered once it is written. One to a household without an account is `outside`: it is `created`, and
    delivered once a message is; `recipient_id` is the household then.
    An administrator has at most one unread notice of a kind.
    """

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    recipient_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(100))
    side: Mapped[str] = mapped_column(String(20))
    about: Mapped[UUID]
    about_version: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    channel: Mapped[Literal["in_app", "outside"]] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
