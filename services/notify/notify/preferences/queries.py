"""Queries of preferences: those of the caller, and those of the recipients of a batch."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import Uuid, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.data.appointments import ADMINISTRATOR, appointments
from chassis.data.database import now
from notify.preferences import rules
from notify.preferences.model import Preferences
from notify.preferences.rules import CHINESE, DEFAULT, Manners


def default_preferences(recipient_id: UUID) -> Preferences:
    """Return the preferences of somebody who chose none."""
    return Preferences(
        recipient_id=recipient_id,
        version=0,
        time_zone=None,
        quiet_since=DEFAULT.since,
        quiet_until=DEFAULT.until,
        urgent_passes=DEFAULT.urgent_passes,
        sms_per_day=DEFAULT.sms_per_day,
        digest=DEFAULT.digest,
        silenced=[],
        language=CHINESE,
        changed_at=now(),
    )


def get_preferences(session: Session, recipient_id: UUID) -> Preferences:
    """Get the preferences of one recipient, or the default ones."""
    return session.get(Preferences, recipient_id) or default_preferences(recipient_id)


def find_manners(session: Session, recipients: Mapping[UUID, str | None]) -> dict[UUID, Manners]:
    """Find how each of these recipients wants to be told, in one statement.

    `recipients` have a region where the message knows one; an administrator lives by the time of the region that they manage.
    """
    if not recipients:
        return {}
    asked = func.unnest(cast(list(recipients), ARRAY(Uuid))).column_valued("asked")
    in_office = (appointments.c.user_id == asked, appointments.c.ended_at.is_(None), appointments.c.role == ADMINISTRATOR)
    office = select(func.min(appointments.c.region)).where(*in_office).scalar_subquery()
    found = session.execute(select(asked, office, Preferences).outerjoin(Preferences, Preferences.recipient_id == asked))
    return {one: manners_of(preferences, recipients[one] or region) for one, region, preferences in found}


def find_languages(session: Session, recipients: Collection[UUID]) -> dict[UUID, str]:
    """Find the language that each of these recipients chose for mails and WeChat messages. Others read Chinese."""
    asked = select(Preferences.recipient_id, Preferences.language).where(Preferences.recipient_id.in_(recipients))
    return dict(session.execute(asked).all()) if recipients else {}


def manners_of(preferences: Preferences | None, region: str | None) -> Manners:
    """Return how somebody of a region wants to be told."""
    zone = rules.zone_of(region)
    if preferences is None:
        return Manners(zone=zone)
    return Manners(
        zone=preferences.time_zone or zone,
        since=preferences.quiet_since,
        until=preferences.quiet_until,
        urgent_passes=preferences.urgent_passes,
        sms_per_day=preferences.sms_per_day,
        digest=preferences.digest,
        silenced=frozenset(preferences.silenced),
    )
