"""The log of changes that streams read: the latest state of each thing, under each topic that hears of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, FetchedValue, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from chassis.data.database import Moment, RegionCode
from notify.model import Base


class TransactionId(UserDefinedType[int]):
    """The id of a transaction, which never comes again (`xid8`)."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the name of the type in PostgreSQL."""
        return "xid8"


class Change(Base):
    """The latest change of one thing, for one topic. `transaction` wrote it last.

    A topic is `person:<account>`, `need:<id>` or `balance:<region>`. `kind` names the event, `body` is its data; that of a notice is read
    from the notice. Everybody who hears the topic may see an `open` change. Any other is for the account, and for those who manage
    `region`; where `auditors` is set, for its auditors too.
    """

    __tablename__ = "live_changes"

    subject: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(String(60, collation="C"), primary_key=True)
    transaction: Mapped[int] = mapped_column(TransactionId, server_default=FetchedValue())
    kind: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    open: Mapped[bool]
    account_id: Mapped[UUID | None]
    region: Mapped[str | None] = mapped_column(RegionCode)
    auditors: Mapped[bool]
    changed_at: Mapped[datetime] = mapped_column(Moment, server_default=FetchedValue())


class Horizon(Base):
    """The one row with the newest transaction of which a change was deleted because it was old."""

    __tablename__ = "live_horizon"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    transaction: Mapped[int] = mapped_column(TransactionId)
