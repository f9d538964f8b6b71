"""The tables of users: regions, accounts, sign-ins, appointments, households."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from chassis.data.database import NAMING, Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted
from contracts.users import Kind


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Region(Base):
    """A division from province to village. The length of its code gives its level, the start of the code the regions around it."""

    __tablename__ = "regions"

    code: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class RegionAlias(Base):
    """A former code and name of a region, from an earlier edition of the national codes."""

    __tablename__ = "region_aliases"

    old_code: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    old_name: Mapped[str] = mapped_column(String(100))
    code: Mapped[str] = mapped_column(RegionCode)


class Account(Base):
    """An account. `phone` is E.164; an account without a password cannot sign in."""

    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    kind: Mapped[Kind] = mapped_column(String(20))
    phone: Mapped[str] = mapped_column(Encrypted)
    phone_fingerprint: Mapped[bytes]
    name: Mapped[str] = mapped_column(Encrypted)
    region: Mapped[str] = mapped_column(RegionCode)
    campaign: Mapped[str | None] = mapped_column(String(40))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), default="active")
    registered_at: Mapped[datetime] = mapped_column(Moment, default=now)


class SignIn(Base):
    """A sign-in, with hashes of its present refresh token and of the one before."""

    __tablename__ = "sign_ins"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    token_hash: Mapped[bytes]
    replaced_hash: Mapped[bytes | None]
    salt: Mapped[bytes | None]
    started_at: Mapped[datetime] = mapped_column(Moment)
    refreshed_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_because: Mapped[str | None] = mapped_column(String(20))


class WrongPasswords(Base):
    """The number of wrong passwords for a phone since a moment, also for a phone without an account."""

    __tablename__ = "wrong_passwords"

    phone_fingerprint: Mapped[bytes] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[datetime] = mapped_column(Moment)


class Appointment(Base):
    """The appointment of an administrator to a region and all below it. The first appointments have no appointer."""

    __tablename__ = "appointment_records"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
    region: Mapped[str] = mapped_column(RegionCode)
    appointed_by: Mapped[UUID | None]
    appointed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    dismissed_by: Mapped[UUID | None]
    dismissed_at: Mapped[datetime | None] = mapped_column(Moment)


class Household(Base):
    """A household in its village's register. `account_id` is empty if the household does not use the platform."""

    __tablename__ = "households"

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
