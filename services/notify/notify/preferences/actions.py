"""The actions of preferences: set one's own, unsubscribe from a channel, and the keys of unsubscribing links."""

import secrets
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from notify.preferences.model import Preferences, UnsubscribingKey
from notify.preferences.queries import default_preferences
from notify.preferences.rules import EMAIL, EVERY_KIND


def set_preferences(session: Session, caller: Caller, values: dict[str, Any]) -> Preferences:
    """Set the caller's own preferences. Raises `stale`."""
    preferences = _locked(session, caller.id)
    versions.check_if_match(session, preferences)
    for name, value in values.items():
        setattr(preferences, name, value)
    return _changed(session, preferences)


def unsubscribe(session: Session, recipient_id: UUID, channel: str) -> bool:
    """Stop every kind of notice over a channel; tell whether anything changed. Codes and the app stay."""
    preferences = _locked(session, recipient_id)
    whole = f"{EVERY_KIND}.{channel}"
    if whole in preferences.silenced:
        return False
    preferences.silenced = [*preferences.silenced, whole]
    _changed(session, preferences)
    return True


def unsubscribe_by_key(session: Session, key: str) -> bool:
    """Stop all e-mails to the recipient of the link with this key; tell whether there is one. A second time changes nothing."""
    recipient_id = session.scalar(select(UnsubscribingKey.recipient_id).where(UnsubscribingKey.key == key))
    if recipient_id is None:
        return False
    if unsubscribe(session, recipient_id, EMAIL):
        entry = Entry(act="unsubscribe", subject="preferences", subject_id=recipient_id, person_id=recipient_id)
        audit_log.record(session, audit_log.GUEST, entry)
    return True


def make_keys(session: Session, recipients: Collection[UUID]) -> dict[UUID, str]:
    """Return the key of each recipient's unsubscribing link; make those that are missing."""
    if not recipients:
        return {}
    asked = select(UnsubscribingKey.recipient_id, UnsubscribingKey.key).where(UnsubscribingKey.recipient_id.in_(recipients))
    known = dict(session.execute(asked).all())
    if missing := sorted({*recipients} - known.keys()):
        rows = [{"recipient_id": one, "key": secrets.token_urlsafe(32), "created_at": now()} for one in missing]
        session.execute(insert(UnsubscribingKey).on_conflict_do_nothing(index_elements=["recipient_id"]), rows)
        known = dict(session.execute(asked).all())
    return known


def delete_preferences(session: Session, recipients: Collection[UUID]) -> None:
    """Delete what people chose who were erased."""
    for entity in (Preferences, UnsubscribingKey):
        session.execute(delete(entity).where(entity.recipient_id.in_(recipients)))


def _locked(session: Session, recipient_id: UUID) -> Preferences:
    """Lock the preferences of somebody, of whom there may be none yet."""
    default = default_preferences(recipient_id)
    values = {column.key: getattr(default, column.key) for column in Preferences.__table__.columns}
    session.execute(insert(Preferences).values(values).on_conflict_do_nothing())
    return session.get_one(Preferences, recipient_id, with_for_update=True, populate_existing=True)


def _changed(session: Session, preferences: Preferences) -> Preferences:
    preferences.version += 1
    preferences.changed_at = now()
    session.flush()
    return preferences
