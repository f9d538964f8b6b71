"""What users knows: regions, accounts, who signed in, who manages which region, and the register of households."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from chassis.data.database import NAMING, Moment, RegionCode, new_id, now
from chassis.data.encryption import Sealed


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Region(Base):
    """A division of the edition in use, province to village; its code says its level and what it lies in."""

    __tablename__ = "regions"

    code: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class RegionAlias(Base):
    """A code and a name that a region had in an earlier edition."""

    __tablename__ = "region_aliases"

    old_code: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    old_name: Mapped[str] = mapped_column(String(100))
    code: Mapped[str] = mapped_column(RegionCode)


class Account(Base):
    """Somebody who takes part. `phone` is E.164; without a password nobody can sign in."""

    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    kind: Mapped[str] = mapped_column(String(20))
    phone: Mapped[str] = mapped_column(Sealed)
    phone_fingerprint: Mapped[bytes]
    name: Mapped[str] = mapped_column(Sealed)
    region: Mapped[str] = mapped_column(RegionCode)
    campaign: Mapped[str | None] = mapped_column(String(40))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), default="active")
    registered_at: Mapped[datetime] = mapped_column(Moment, default=now)


class SignIn(Base):
    """One sign-in and the refresh token that carries it on: hashes of the present token and of the one it replaced."""

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
    """How often a phone was tried with a wrong password since a moment, whether or not anybody registered it."""

    __tablename__ = "wrong_passwords"

    phone_fingerprint: Mapped[bytes] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[datetime] = mapped_column(Moment)


class Appointment(Base):
    """Somebody manages a region and all below it, by whose word, until whose word ended it. The first ones have no appointer."""

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
    """A household in its village's register. `account_id` is empty when nobody of it uses the platform."""

    __tablename__ = "households"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey(Account.id))
    name: Mapped[str] = mapped_column(Sealed)
    national_id: Mapped[str] = mapped_column(Sealed)
    national_id_fingerprint: Mapped[bytes]
    status: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    registered_by: Mapped[UUID | None]
    registered_at: Mapped[datetime] = mapped_column(Moment, default=now)
