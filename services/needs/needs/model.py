"""The tables of needs: needs and pledges, their listings in the hall, and copies of households and of the state of matches."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, MetaData, SmallInteger, String, Text, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedSQLExpression, column_property, mapped_column

from chassis.data.database import NAMING, CategoryCode, Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted
from contracts.needs import PledgeKind, Urgency


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Household(Base):
    """A registered household or institution, copied from the events of users. `merged_into` is the household it ended in, if any.

    `size` counts its people; it is empty while users has not told it.
    """

    __tablename__ = "households"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    account_id: Mapped[UUID | None]
    region: Mapped[str] = mapped_column(RegionCode)
    is_institution: Mapped[bool] = mapped_column(default=False)
    size: Mapped[int | None] = mapped_column(SmallInteger)
    ended: Mapped[bool] = mapped_column(default=False)
    ended_by: Mapped[UUID | None]
    merged_into: Mapped[UUID | None]


class Match(Base):
    """The state of a match, copied from the events of matching.

    `sent` and `received` are empty until the match gets there. A match that closes without anything sent has 0 in both.
    """

    __tablename__ = "matches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    need_id: Mapped[UUID]
    pledge_id: Mapped[UUID]
    quantity: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20))
    sent: Mapped[int | None] = mapped_column(BigInteger)
    received: Mapped[int | None] = mapped_column(BigInteger)


class NeedQuantities(Base):
    """The sums of a need's matches, kept by triggers on `matches`. A quantity that was sent and did not arrive is needed again."""

    __tablename__ = "need_quantities"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    accepted: Mapped[int] = mapped_column(BigInteger)
    proposed: Mapped[int] = mapped_column(BigInteger)
    delivered: Mapped[int] = mapped_column(BigInteger)


class PledgeQuantities(Base):
    """The sums of a pledge's matches, kept by triggers on `matches`. A promised quantity never sent is open again."""

    __tablename__ = "pledge_quantities"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    accepted: Mapped[int] = mapped_column(BigInteger)
    proposed: Mapped[int] = mapped_column(BigInteger)
    delivered: Mapped[int] = mapped_column(BigInteger)


class NeedListing(Base):
    """A published need under one of the regions and categories around it, kept by triggers on `needs`.

    `""` is the whole country and every category. A list is a range of the primary key, whatever its region and category. Lists of one
    urgency (1, 2 or 4), or of needs that are still open, are ranges of a second index.
    """

    __tablename__ = "need_listings"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    category: Mapped[str] = mapped_column(CategoryCode, primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    urgency: Mapped[int] = mapped_column(SmallInteger)
    is_open: Mapped[bool]


class PledgeListing(Base):
    """A pledge that is offered, under one of the regions and categories around it, kept by triggers on `pledges`."""

    __tablename__ = "pledge_listings"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    category: Mapped[str] = mapped_column(CategoryCode, primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)


def _sum_of_matches(column: Any, owner: Any) -> MappedSQLExpression[int]:
    found = select(column).where(column.class_.id == owner).correlate_except(column.class_).scalar_subquery()
    return column_property(func.coalesce(found, 0))


class Need(Base):
    """A need of a household or institution. `reason` is personal and never leaves this table; `quantity` counts whole units.

    A `quantity` of 0 is unknown until the need is verified.
    `story` is shown to everybody once the need is published. `published_version` is the version at its publication, empty for rows of
    before; `moved_version` that of its last `NeedMoved`. While it waits, `due_at` is the end of the time to verify it, and the versions
    `stage_version`, `reminded_version` and `overdue_version` are those of the events of this step. `expiring_version` and
    `renewed_version` are those of its last reminder and renewal, `reopened_version` that of its last opening after an end.
    `terms` is what the need keeps of the catalogue, `specification` what describes the thing, as JSON. `charity` receives the money.
    A need `is_open` while something of it is neither accepted nor proposed; triggers keep that. A `hidden` one waits for a reviewer,
    because several people reported it; `hidden_version` is its version then. The hall finds it by its `words`: pairs of neighbouring
    characters of its public story.
    """

    __tablename__ = "needs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    poster_id: Mapped[UUID]
    of_institution: Mapped[bool] = mapped_column(default=False)
    consent: Mapped[str | None] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    urgency: Mapped[Urgency] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Encrypted)
    story: Mapped[str | None] = mapped_column(Encrypted)
    specification: Mapped[str | None] = mapped_column(Encrypted)
    terms: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    charity_id: Mapped[UUID | None]
    charity: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), default="posted")
    due_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now() + interval '4 days'"))
    stage_version: Mapped[int | None] = mapped_column(BigInteger)
    reminded_version: Mapped[int | None] = mapped_column(BigInteger)
    reminded_at: Mapped[datetime | None] = mapped_column(Moment)
    overdue_version: Mapped[int | None] = mapped_column(BigInteger)
    overdue_at: Mapped[datetime | None] = mapped_column(Moment)
    confirmed_by: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    returned_because: Mapped[str | None] = mapped_column(String(50))
    return_note: Mapped[str | None] = mapped_column(Encrypted)
    returned_by: Mapped[UUID | None]
    returned_at: Mapped[datetime | None] = mapped_column(Moment)
    verifier_id: Mapped[UUID | None]
    ended_because: Mapped[str | None] = mapped_column(String(50))
    posted_at: Mapped[datetime] = mapped_column(Moment, default=now)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    published_version: Mapped[int | None] = mapped_column(BigInteger)
    moved_version: Mapped[int | None] = mapped_column(BigInteger)
    moved_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_by: Mapped[UUID | None]
    closed_by: Mapped[UUID | None]
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    expiring_at: Mapped[datetime | None] = mapped_column(Moment)
    expiring_version: Mapped[int | None] = mapped_column(BigInteger)
    renewed_at: Mapped[datetime | None] = mapped_column(Moment)
    renewed_by: Mapped[UUID | None]
    renewed_version: Mapped[int | None] = mapped_column(BigInteger)
    reopened_at: Mapped[datetime | None] = mapped_column(Moment)
    reopened_by: Mapped[UUID | None]
    reopened_because: Mapped[str | None] = mapped_column(String(20))
    reopened_version: Mapped[int | None] = mapped_column(BigInteger)
    is_open: Mapped[bool] = mapped_column(default=True)
    hidden: Mapped[bool] = mapped_column(default=False)
    is_shown: Mapped[bool] = mapped_column(Computed("state = 'published' AND NOT hidden"))
    hidden_at: Mapped[datetime | None] = mapped_column(Moment)
    hidden_version: Mapped[int | None] = mapped_column(BigInteger)
    words: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, deferred=True)
    accepted: Mapped[int] = _sum_of_matches(NeedQuantities.accepted, id)
    proposed: Mapped[int] = _sum_of_matches(NeedQuantities.proposed, id)
    delivered: Mapped[int] = _sum_of_matches(NeedQuantities.delivered, id)


class Pledge(Base):
    """A pledge of a giver. `answered_version` is the newest version that matching has decided on; `released_version` orders its answers.
    `expired` follows the end of `valid_until` within seconds. A pledge is `used_up` while all of it is accepted or proposed; triggers keep
    that. Until `choose_until` its giver chooses needs and nothing is proposed. `claims` is the need that it was offered for, `claimed` the
    most units for it, `claim_state` what became of that. `again_of` is the match of which something came back and is offered again.
    Of perishable goods, the giver is reminded at `remind_at`, and was last at `reminded_at`, when the version was `reminded_version`.
    """

    __tablename__ = "pledges"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    pledger_id: Mapped[UUID]
    kind: Mapped[PledgeKind] = mapped_column(String(20))
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    note: Mapped[str | None] = mapped_column(Encrypted)
    valid_until: Mapped[datetime] = mapped_column(Moment)
    withdrawn: Mapped[bool] = mapped_column(default=False)
    resting: Mapped[bool] = mapped_column(default=False)
    expired: Mapped[bool] = mapped_column(default=False)
    used_up: Mapped[bool] = mapped_column(default=False)
    offered_at: Mapped[datetime] = mapped_column(Moment, default=now)
    changed_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_version: Mapped[int] = mapped_column(BigInteger, default=0)
    released_version: Mapped[int] = mapped_column(BigInteger, default=0)
    pledger_kind: Mapped[str | None] = mapped_column(String(20))
    choose_until: Mapped[datetime | None] = mapped_column(Moment)
    best_before: Mapped[datetime | None] = mapped_column(Moment)
    limit_per_household: Mapped[int | None] = mapped_column(BigInteger)
    claims: Mapped[UUID | None]
    claimed: Mapped[int | None] = mapped_column(BigInteger)
    claim_state: Mapped[str | None] = mapped_column(String(10))
    claim_problem: Mapped[str | None] = mapped_column(String(20))
    again_of: Mapped[UUID | None]
    remind_at: Mapped[datetime | None] = mapped_column(Moment)
    reminded_at: Mapped[datetime | None] = mapped_column(Moment)
    reminded_version: Mapped[int | None] = mapped_column(BigInteger)
    accepted: Mapped[int] = _sum_of_matches(PledgeQuantities.accepted, id)
    proposed: Mapped[int] = _sum_of_matches(PledgeQuantities.proposed, id)
    delivered: Mapped[int] = _sum_of_matches(PledgeQuantities.delivered, id)
