"""Record changes for streams, in the transaction that makes them; delete old ones."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from contracts.event import Event
from contracts.matching import (
    BalanceChanged,
    MatchAccepted,
    MatchClosed,
    MatchCorrected,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
)
from contracts.needs import NeedFiguresChanged
from notify.live.model import Change

WAKE = "live"
"""The channel that wakes those who hold streams."""
KEPT = timedelta(days=1)
DELETED_AT_ONCE = 10_000
MATCH_STATES: Mapping[type[Event], str] = {
    MatchProposed: "proposed",
    MatchAccepted: "accepted",
    MatchRefused: "refused",
    MatchDeclined: "declined",
    MatchLapsed: "lapsed",
    MatchRevised: "lapsed",
    MatchSent: "sent",
    MatchReceived: "received",
    MatchCorrected: "received",
    MatchClosed: "closed",
}
"""The state of a match that each event tells."""

# Batches that overlap would deadlock if they wrote in different orders.
_RECORD = text(
    f"""
    WITH written AS (
        INSERT INTO live_changes (subject, topic, kind, version, body, open, account_id, region, auditors)
        SELECT subject, topic, kind, version, body, open, account_id, region, auditors
        FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS fresh (
            subject uuid, topic text, kind text, version bigint, body jsonb, open boolean, account_id uuid, region text, auditors boolean
        ) ORDER BY subject, topic
        ON CONFLICT (subject, topic) DO UPDATE SET transaction = pg_current_xact_id(), changed_at = clock_timestamp(),
            version = excluded.version, body = excluded.body, open = excluded.open, account_id = excluded.account_id,
            region = excluded.region, auditors = excluded.auditors
        WHERE live_changes.version < excluded.version
        RETURNING subject
    )
    SELECT pg_notify('{WAKE}', '') FROM written LIMIT 1
    """
)
_DELETE_OLD = text(
    """
    WITH old AS (
        DELETE FROM live_changes WHERE (subject, topic) IN (
            SELECT subject, topic FROM live_changes WHERE changed_at < now() - :kept ORDER BY changed_at LIMIT :most FOR UPDATE SKIP LOCKED
        ) RETURNING transaction
    )
    INSERT INTO live_horizon (id, transaction) SELECT 1, max(transaction) FROM old HAVING count(*) > 0
    ON CONFLICT (id) DO UPDATE SET transaction = greatest(live_horizon.transaction, excluded.transaction)
    """
)


def person_topic(account_id: UUID) -> str:
    """Return the topic of an account: its notices and matches."""
    return f"person:{account_id}"


def need_topic(need_id: UUID) -> str:
    """Return the topic of a need: its figures."""
    return f"need:{need_id}"


def balance_topic(region: str) -> str:
    """Return the topic of a region's balance."""
    return f"balance:{region}"


def record_notices(session: Session, recipients: Mapping[UUID, UUID]) -> None:
    """Record new notices in the app, by their ids, for their recipients."""
    _record(session, (_change(person_topic(who), notice_id, "notice", 1) for notice_id, who in recipients.items()))


def record_reading(session: Session, account_id: UUID) -> None:
    """Record that somebody marked notices as read: their other devices count anew."""
    # The time is the version: each reading counts.
    version = session.scalar(text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"))
    _record(session, [_change(person_topic(account_id), account_id, "reading", version or 0, body={})])


def record_matches(session: Session, events: Iterable[Event]) -> None:
    """Record the states of matches for their two sides: the giver, the household's account, and the poster while they manage the place."""
    newest: dict[UUID, Any] = {one.subject: one for one in sorted(events, key=lambda one: one.version) if type(one) in MATCH_STATES}
    changes = []
    for match_id, event in newest.items():
        body = {"id": match_id, "version": event.version, "state": MATCH_STATES[type(event)]}
        body |= {"need_id": event.need_id, "pledge_id": event.pledge_id}
        own = {one for one in (event.pledger_id, event.account_id) if one is not None}
        changes += [_change(person_topic(one), match_id, "match", event.version, body=body) for one in own]
        if event.poster_id not in own:
            stated = {"body": body, "open": False, "region": event.region}
            changes.append(_change(person_topic(event.poster_id), match_id, "match", event.version, **stated))
    _record(session, changes)


def record_balances(session: Session, events: Sequence[BalanceChanged]) -> None:
    """Record balances of counties and wider regions, which everybody may see."""
    newest = {event.balance_id: event for event in sorted(events, key=lambda event: event.version)}
    _record(
        session,
        (
            _change(balance_topic(event.region), event.balance_id, "balance", event.version, body=msgspec.to_builtins(event))
            for event in newest.values()
        ),
    )


def record_needs(session: Session, events: Sequence[NeedFiguresChanged]) -> None:
    """Record the figures of needs: for everybody while they are public, otherwise for their account and for those who read their region."""
    newest = {event.need_id: event for event in sorted(events, key=lambda event: event.version)}
    figures = ("state", "unit", "quantity", "accepted", "proposed", "delivered", "counted_at")
    changes = []
    for need_id, event in newest.items():
        seen_by = {"open": event.is_public, "account_id": event.account_id, "region": event.region, "auditors": True}
        body = {"id": need_id} | {name: getattr(event, name) for name in figures}
        changes.append(_change(need_topic(need_id), need_id, "need", event.version, body=body, **seen_by))
    _record(session, changes)


def delete_changes_of(session: Session, people: Collection[UUID]) -> None:
    """Delete the changes of people who were erased."""
    session.execute(delete(Change).where(Change.topic.in_([person_topic(one) for one in people])))


def delete_old(session: Session) -> None:
    """Delete changes that are older than a day; whoever comes back from before loads the lists anew."""
    session.execute(_DELETE_OLD, {"kept": KEPT, "most": DELETED_AT_ONCE})


def _change(topic: str, subject: UUID, kind: str, version: int, **more: Any) -> dict[str, Any]:
    return {"topic": topic, "subject": subject, "kind": kind, "version": version, "open": True, "auditors": False} | more


def _record(session: Session, changes: Iterable[dict[str, Any]]) -> None:
    if rows := list(changes):
        session.execute(_RECORD, {"changes": msgspec.json.encode(rows).decode()})
