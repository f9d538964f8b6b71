"""Table of labels of monitored households."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import new_id
from chassis.data.encryption import Encrypted
from users.base import Base
from users.households.model import Household


class Label(Base):
    """A household is monitored as one of the kinds in `labels.toml`, until its risk is removed or it leaves the monitoring.

    `status_before` is the household's status to which it returns.
    """

    __tablename__ = "household_labels"
    __person__ = "household_id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    household_id: Mapped[UUID] = mapped_column(ForeignKey(Household.id))
    label: Mapped[str] = mapped_column(String(30))
    status_before: Mapped[str] = mapped_column(String(20))
    entered_on: Mapped[date] = mapped_column(Date)
    entered_by: Mapped[UUID]
    entry_reason: Mapped[str] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(Encrypted)
    risk_removed_on: Mapped[date | None] = mapped_column(Date)
    risk_removed_by: Mapped[UUID | None]
    exited_on: Mapped[date | None] = mapped_column(Date)
    exited_by: Mapped[UUID | None]
    exit_reason: Mapped[str | None] = mapped_column(String(20))

    @property
    def state(self) -> str:
        """One of `monitored`, `risk_removed` and `exited`."""
        if self.exited_on:
            return "exited"
        return "risk_removed" if self.risk_removed_on else "monitored"
