"""Actions of a need's life: renew it by an act, remind, expire and meet it by itself, and notice silent villages."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http.auth import Caller
from chassis.messaging import outbox
from contracts.event import Event
from needs.following import end_need
from needs.life import rules
from needs.life.events import need_expired, need_expiring, need_met, need_renewed, village_fell_silent
from needs.life.model import Village
from needs.life.period import period_days
from needs.model import Need, NeedQuantities

AT_ONCE = 1_000
VILLAGE_DIGITS = 12
CHECKED_EVERY = timedelta(days=1)
# What a village's check looks up: its last post, and whether a household is registered there still.
_LOOK = text(
    """
    SELECT due.id, (SELECT max(posted_at) FROM needs WHERE needs.region = due.region) AS last_posted_at,
        EXISTS (SELECT FROM households WHERE households.region = due.region AND NOT ended) AS has_households
    FROM (
        SELECT id, region FROM villages WHERE checked_at < :before ORDER BY checked_at LIMIT :most FOR UPDATE SKIP LOCKED
    ) AS due
    """
)


def renew_need(session: Session, caller: Caller, need: Need) -> Need:
    """Let a published need, which is locked, begin another period."""
    need.version += 1
    need.renewed_at, need.renewed_by, need.renewed_version = now(), caller.id, need.version
    need.expires_at = rules.find_expiry(need, period_days(need), now())
    need.expiring_at = need.expiring_version = None
    outbox.add(session, need_renewed(need))
    session.flush()
    return need


def set_missing_expiries(session: Session) -> None:
    """Let published needs without an expiry, those of before, expire a whole period from now, oldest first."""
    for need in _lock_some(session, Need.expires_at.is_(None), order=Need.id):
        need.expires_at = rules.find_expiry(need, period_days(need), now())
    session.flush()


def remind_of_expiry(session: Session) -> None:
    """Publish one reminder for each need that expires soon. A late reminder moves the expiry, so that there is time to renew."""
    due = _lock_some(session, Need.expiring_at.is_(None), Need.expires_at < now() + rules.REMINDED_BEFORE, order=Need.expires_at)
    for need in due:
        need.version += 1
        need.expiring_at, need.expiring_version = now(), need.version
        need.expires_at = rules.find_expiry(need, rules.SHORTEST_WARNING.days, now())
    _publish(session, [need_expiring(need) for need in due])


def expire_needs(session: Session, at: datetime | None = None) -> None:
    """End needs whose time is over, now or `at` a moment, and whose side was reminded. Accepted matches stay."""
    due = _lock_some(session, Need.expiring_at.is_not(None), Need.expires_at <= (at or now()), order=Need.expires_at)
    for need in due:
        end_need(need, "expired", None)
    _publish(session, [need_expired(need) for need in due])


def end_met_needs(session: Session, needs: Collection[UUID]) -> None:
    """End those of the needs of which everything was received, which takes them out of the hall."""
    if not needs:
        return
    is_met = select(NeedQuantities.id).where(NeedQuantities.id == Need.id, NeedQuantities.delivered >= Need.quantity).exists()
    due = select(Need).where(Need.id.in_(needs), Need.state == "published", is_met).order_by(Need.id).with_for_update(of=Need)
    met = session.scalars(due, execution_options={"populate_existing": True}).all()
    for need in met:
        end_need(need, "met", None)
    _publish(session, [need_met(need) for need in met])


def add_villages(session: Session, regions: Collection[str]) -> None:
    """Add the villages of registered households that are new. A new one is checked a day later."""
    villages = sorted({region for region in regions if len(region) == VILLAGE_DIGITS})
    if villages:
        rows = [{"id": new_id(), "region": region, "version": 0, "known_since": now(), "checked_at": now()} for region in villages]
        session.execute(insert(Village).values(rows).on_conflict_do_nothing(index_elements=["region"]))


def check_villages(session: Session) -> None:
    """Look which villages have fallen silent since yesterday, and publish each silence once. Villages without anybody are dropped."""
    found = {row.id: row for row in session.execute(_LOOK, {"before": now() - CHECKED_EVERY, "most": AT_ONCE})}
    silent = []
    for village in session.scalars(select(Village).where(Village.id.in_(found)).order_by(Village.id)):
        seen = found[village.id]
        if not seen.has_households and seen.last_posted_at is None:
            session.delete(village)
            continue
        last = seen.last_posted_at or village.known_since
        is_silent = seen.has_households and last < now() - rules.SILENT_AFTER
        village.last_posted_at, village.checked_at = seen.last_posted_at, now()
        if not is_silent:
            village.silent_since = village.told_at = None
        elif village.told_at is None or village.silent_since != last:
            village.silent_since, village.told_at, village.version = last, now(), village.version + 1
            silent.append(village)
    _publish(session, [village_fell_silent(village) for village in silent])


def _lock_some(session: Session, *where: Any, order: Any) -> Sequence[Need]:
    """Lock some published needs that fulfil the conditions, and skip those that another process has locked."""
    query = select(Need).where(Need.state == "published", *where).order_by(order).limit(AT_ONCE)
    return session.scalars(query.with_for_update(of=Need, skip_locked=True)).all()


def _publish(session: Session, events: Sequence[Event]) -> None:
    session.flush()
    outbox.add(session, *events)
