"""Administrators, auditors and their regions, recorded in every service's own database because tokens hold no regions."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Column, String, Table, Uuid, select, text
from sqlalchemy.orm import Session

from chassis.data.database import Moment, RegionCode, tables
from contracts.users import AdministratorAppointed, AdministratorDismissed, AuditorAppointed, AuditorDismissed

ADMINISTRATOR, AUDITOR = "administrator", "auditor"
Appointed = AdministratorAppointed | AuditorAppointed
Dismissed = AdministratorDismissed | AuditorDismissed

appointments = Table(
    "appointments",
    tables,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False, index=True),
    Column("region", RegionCode, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("ended_at", Moment),
    Column("role", String(20), nullable=False, server_default=ADMINISTRATOR),
)

_NOTE = text(
    "INSERT INTO appointments (id, user_id, region, version, ended_at, role)"
    " VALUES (:id, :user_id, :region, :version, :ended_at, :role)"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, ended_at = excluded.ended_at"
    " WHERE appointments.version < excluded.version"
)


def record(session: Session, events: Sequence[Appointed | Dismissed]) -> None:
    """Record appointments and dismissals in any order: a dismissal received first leaves an appointment that has ended."""
    rows = [
        {
            "id": event.appointment_id,
            "user_id": event.user_id,
            "region": event.region,
            "version": event.version,
            "ended_at": event.dismissed_at if isinstance(event, Dismissed) else None,
            "role": AUDITOR if isinstance(event, AuditorAppointed | AuditorDismissed) else ADMINISTRATOR,
        }
        for event in sorted(events, key=lambda event: event.appointment_id)
    ]
    if rows:
        session.execute(_NOTE, rows)


def managers_of(session: Session, regions: Collection[str]) -> dict[str, set[UUID]]:
    """Return the administrators of these regions or of a region around them, by the region they were appointed to."""
    around = {region[:length] for region in regions for length in (0, 2, 4, 6, 9, 12) if length <= len(region)}
    managed = select(appointments.c.region, appointments.c.user_id).where(
        appointments.c.region.in_(around), appointments.c.ended_at.is_(None), appointments.c.role == ADMINISTRATOR
    )
    found: dict[str, set[UUID]] = defaultdict(set)
    for region, user_id in session.execute(managed):
        found[region].add(user_id)
    return dict(found)


def regions_by_user(session: Session, user_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return the regions that each of these people administers now; those without any are missing."""
    held = select(appointments.c.user_id, appointments.c.region).where(
        appointments.c.user_id.in_(user_ids), appointments.c.ended_at.is_(None), appointments.c.role == ADMINISTRATOR
    )
    found: dict[UUID, list[str]] = defaultdict(list)
    for user_id, region in session.execute(held) if user_ids else ():
        found[user_id].append(region)
    return dict(found)


def regions_of(session: Session, user_id: UUID, role: str = ADMINISTRATOR) -> list[str]:
    """Return the regions that somebody administers now, or audits; each includes all regions below it."""
    held = select(appointments.c.region).where(
        appointments.c.user_id == user_id, appointments.c.ended_at.is_(None), appointments.c.role == role
    )
    return list(session.scalars(held.order_by(appointments.c.region)))
