"""The actions of notify: write notices about events, and mark notices as read."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from chassis.data.appointments import managers_of
from chassis.data.audit_log import id_at
from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.settings import RetentionSettings
from contracts.event import Event
from contracts.users import PersonErased
from notify import queries
from notify.endpoints import actions as endpoints
from notify.endpoints.planning import plan_deliveries
from notify.events import notice_delivered
from notify.live import actions as live
from notify.messages import actions as messages
from notify.messages.planning import plan_messages
from notify.model import IN_APP, Notice
from notify.preferences.actions import delete_preferences
from notify.rules import ADMINISTRATOR, notices_of
from notify.subscriptions.actions import delete_subscriptions_of
from notify.wechat.actions import delete_links_of

DELETED_AT_ONCE = 10_000

# Two overlapping batches that insert in different orders deadlock, so the rows are sorted: by subject, and those to administrators by
# recipient, since an administrator has one unread notice of a kind. Unique indexes keep a notice from being written twice.
_WRITE = text(
    "INSERT INTO notices (id, version, recipient_id, kind, side, about, about_version, facts, channel, state, created_at)"
    " SELECT id, 1, recipient_id, kind, side, about, about_version, facts, channel, state, :at"
    " FROM jsonb_to_recordset(CAST(:notices AS jsonb)) AS fresh"
    " (id uuid, recipient_id uuid, kind text, side text, about uuid, about_version bigint, facts jsonb, channel text, state text)"
    " WHERE NOT EXISTS (SELECT FROM notices known WHERE known.about = fresh.about AND known.recipient_id = fresh.recipient_id"
    " AND known.side = fresh.side AND known.about_version >= fresh.about_version)"
    " ORDER BY side = 'administrator', CASE WHEN side <> 'administrator' THEN about END, recipient_id, side, kind"
    " ON CONFLICT DO NOTHING RETURNING id"
)


def write_notices(session: Session, events: Sequence[Event]) -> None:
    """Write a notice for each recipient of these events, and plan the messages that leave the app. In the app it is delivered at once.

    Skip recipients who have a notice about the same subject at this version or a later one. Skip administrators who have not read their
    last notice of the same kind.
    """
    places = {getattr(event, name, None) for event in events for name in ("region", "former_region")}
    managers = managers_of(session, {place for place in places if place is not None})
    newest = {
        (notice["side"], notice["kind"] if notice["side"] == ADMINISTRATOR else notice["about"], notice["recipient_id"]): notice
        for event in sorted(events, key=lambda event: event.version)
        for notice in notices_of(event, managers)
    }
    notices = {new_id(): newest[key] for key in sorted(newest)}
    at = now()
    if not notices:
        plan_deliveries(session, events, (), at)
        return
    rows = msgspec.json.encode([notice | {"id": notice_id} for notice_id, notice in notices.items()]).decode()
    written = set(session.scalars(_WRITE, {"notices": rows, "at": at}).all())
    fresh = {notice_id: notice for notice_id, notice in notices.items() if notice_id in written}
    columns = ("recipient_id", "kind", "side", "about", "about_version", "facts", "channel", "state")
    in_app = [
        Notice(id=notice_id, created_at=at, **{name: notice[name] for name in columns})
        for notice_id, notice in fresh.items()
        if notice["channel"] == IN_APP
    ]
    outbox.add(session, *map(notice_delivered, in_app))
    live.record_notices(session, {notice.id: notice.recipient_id for notice in in_app})
    plan_messages(session, fresh, at)
    plan_deliveries(session, events, fresh.values(), at)


def delete_notices(session: Session, events: Sequence[PersonErased]) -> None:
    """Delete the notices and messages to people who were erased, their preferences, subscriptions and links."""
    gone = {one for event in events for one in (event.account_id, event.household_id) if one}
    session.execute(delete(Notice).where(Notice.recipient_id.in_(gone)))
    messages.delete_messages_of(session, gone)
    delete_preferences(session, gone)
    delete_subscriptions_of(session, gone)
    delete_links_of(session, gone)
    live.delete_changes_of(session, gone)
    endpoints.remove_endpoints_of(session, gone)


def delete_old_notices(session: Session) -> None:
    """Delete notices that are older than texts are kept, ten thousand at a time."""
    old = select(Notice.id).where(Notice.id < id_at(now() - RetentionSettings.of_environment().texts)).order_by(Notice.id)
    session.execute(delete(Notice).where(Notice.id.in_(old.limit(DELETED_AT_ONCE).with_for_update(skip_locked=True))))


def read_notice(session: Session, caller: Caller, notice_id: UUID) -> Notice:
    """Mark a notice as read by the caller; a second time changes nothing."""
    notice = queries.get_own_notice(session, caller, notice_id, to_change=True)
    versions.check_if_match(session, notice)
    if notice.read_at is None:
        notice.read_at = now()
        notice.version += 1
        session.flush()
        live.record_reading(session, caller.id)
    return notice


def read_notices(session: Session, caller: Caller, until: UUID | None = None) -> int:
    """Mark as read all notices of the caller, or all up to one of them; return how many were unread before."""
    unread = queries.unread_conditions(caller)
    if until:
        unread = [*unread, Notice.id <= queries.get_own_notice(session, caller, until).id]
    read = session.execute(
        update(Notice)
        .where(*unread)
        .values(read_at=now(), version=Notice.version + 1)
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    ).all()
    if read:
        live.record_reading(session, caller.id)
    return len(read)
