"""Tables of the register: households, their versions, the requests to hand a household over, and the looks at masked ones."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted
from contracts.users import HouseholdEnding
from users.accounts.model import Account
from users.base import Base

TransferState = Literal["waiting", "accepted", "refused", "void"]


class Household(Base):
    """A household in its village's register, under the name and number of its head. An ended one keeps its row.

    `account_id` is empty until somebody proves the phone that the village noted, or an administrator links an account. `contact_phone` is
    E.164; `phone_kind` says whose it is, and is empty for rows of before. `size` is what the village stated, `published_size` the one that
    events state: at least the head and the known members. `registered_version` is the version of the last `HouseholdRegistered`.
    """

    __tablename__ = "households"
    __person__ = "id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey(Account.id))
    name: Mapped[str] = mapped_column(Encrypted)
    national_id: Mapped[str] = mapped_column(Encrypted)
    national_id_fingerprint: Mapped[bytes]
    status: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    registered_by: Mapped[UUID | None]
    registered_at: Mapped[datetime] = mapped_column(Moment, default=now)
    contact_phone: Mapped[str | None] = mapped_column(Encrypted)
    contact_phone_fingerprint: Mapped[bytes | None]
    phone_kind: Mapped[str | None] = mapped_column(String(20))
    address: Mapped[str | None] = mapped_column(Encrypted)
    size: Mapped[int | None] = mapped_column(Integer)
    published_size: Mapped[int | None] = mapped_column(Integer)
    registered_version: Mapped[int] = mapped_column(BigInteger, default=1)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_because: Mapped[HouseholdEnding | None] = mapped_column(String(20))
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("households.id"))


class HouseholdVersion(Base):
    """A version of a household: who changed what and why, and the facts that its event states.

    `fields` names what changed; `changed` holds the values before and after as JSON. `former_region` is set when the household moved.
    """

    __tablename__ = "household_versions"
    __person__ = "household_id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    household_id: Mapped[UUID] = mapped_column(ForeignKey(Household.id))
    version: Mapped[int] = mapped_column(BigInteger)
    act: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(40))
    note: Mapped[str | None] = mapped_column(Encrypted)
    changed_by: Mapped[UUID | None]
    changed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    account_id: Mapped[UUID | None]
    region: Mapped[str] = mapped_column(RegionCode)
    former_region: Mapped[str | None] = mapped_column(RegionCode)
    status: Mapped[str] = mapped_column(String(20))
    size: Mapped[int | None] = mapped_column(Integer)
    merged_into: Mapped[UUID | None]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    changed: Mapped[str | None] = mapped_column(Encrypted)


class Member(Base):
    """A member of a household besides its head. One who left keeps the row.

    `born` and `sex` are stated for those without a national id only; the number says both otherwise.
    """

    __tablename__ = "household_members"
    __person__ = "id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    household_id: Mapped[UUID] = mapped_column(ForeignKey(Household.id))
    name: Mapped[str] = mapped_column(Encrypted)
    national_id: Mapped[str | None] = mapped_column(Encrypted)
    national_id_fingerprint: Mapped[bytes | None]
    born: Mapped[str | None] = mapped_column(Encrypted)
    sex: Mapped[str | None] = mapped_column(String(10))
    relation: Mapped[str] = mapped_column(String(20))
    student: Mapped[bool] = mapped_column(default=False)
    patient: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    labour: Mapped[bool] = mapped_column(default=False)
    guardian_consent: Mapped[str | None] = mapped_column(String(20))
    added_by: Mapped[UUID | None]
    added_at: Mapped[datetime] = mapped_column(Moment, default=now)
    left_at: Mapped[datetime | None] = mapped_column(Moment)
    left_because: Mapped[str | None] = mapped_column(String(20))


class Transfer(Base):
    """A request to hand over somebody who stands in the register of another place. It is void once one of both places has them no more.

    `entry_id` is the new household; `household_id` is where the person stands, as its head or, with `member_id`, as a member. `region` is
    asked, and decides: it is where the household stands while the transfer waits.
    """

    __tablename__ = "household_transfers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    household_id: Mapped[UUID] = mapped_column(ForeignKey(Household.id))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey(Member.id))
    entry_id: Mapped[UUID] = mapped_column(ForeignKey(Household.id))
    national_id_fingerprint: Mapped[bytes]
    region: Mapped[str] = mapped_column(RegionCode)
    state: Mapped[TransferState] = mapped_column(String(20), default="waiting")
    requested_by: Mapped[UUID | None]
    requested_at: Mapped[datetime] = mapped_column(Moment, default=now)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(Moment)


class Reveal(Base):
    """A look at the data of a household that are masked otherwise: who, for which purpose and why, and which parts were shown too."""

    __tablename__ = "household_reveals"
    __person__ = "household_id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    household_id: Mapped[UUID] = mapped_column(ForeignKey(Household.id))
    revealed_by: Mapped[UUID]
    revealed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    purpose: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Encrypted)
    parts: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
