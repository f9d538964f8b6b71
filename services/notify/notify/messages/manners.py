"""Manners of messages: those that are about to leave wait for quiet hours and caps, and a digest gathers what waits for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from chassis.data.database import now
from notify.messages import actions, rules
from notify.messages.actions import UNWANTED, Claimed
from notify.messages.planning import WAKE_SENDERS
from notify.preferences.queries import find_manners
from notify.preferences.rules import CHANNELS, SMS, Hold, Manners, day_begins, find_hold

GATHERED_AT_ONCE = 20_000
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('notify.sms_per_day'), hashtext(:recipient))")
# Attempts of the day that did not fail, and what other processes have in hand.
_COUNT = text(
    """
    SELECT recipient_id, count(*) FROM messages JOIN unnest(CAST(:recipients AS uuid[]), CAST(:begun AS timestamptz[]))
        AS days (recipient, begun) ON recipient_id = recipient
    WHERE channel = 'sms' AND id <> ALL(CAST(:ours AS uuid[])) AND (
        EXISTS (
            SELECT FROM attempts WHERE message_id = messages.id AND begun_at >= begun
            AND (outcome IS NULL OR outcome IN ('taken', 'delivered', 'doubtful'))
        )
        OR settled_at IS NULL AND taken_at IS NULL AND state = 'sending'
    )
    GROUP BY recipient_id
    """
)

# One statement, so that a process which dies gathers nothing or all of it. The first message of each recipient and channel becomes the
# digest, and the others end in it. People are chosen first and their messages are then all taken: nobody gets two digests because a
# batch ended between two messages. The rows are locked and looked at again, so that a second process finds them gathered.
_GATHER = text(
    f"""
    WITH people AS (
        SELECT DISTINCT recipient_id FROM (
            SELECT recipient_id FROM messages WHERE settled_at IS NULL AND priority = {rules.GATHERED} AND due_at <= :at
            ORDER BY due_at LIMIT :limit
        ) AS oldest
    ),
    due AS MATERIALIZED (
        SELECT id, notice_id, messages.recipient_id, channel, kind FROM messages JOIN people ON people.recipient_id = messages.recipient_id
        WHERE settled_at IS NULL AND priority = {rules.GATHERED} AND due_at <= :at ORDER BY id FOR UPDATE OF messages
    ),
    judged AS MATERIALIZED (
        SELECT due.id, due.recipient_id, due.channel, notices.id IS NULL OR notices.read_at IS NOT NULL AS is_read,
            preferences.silenced && ARRAY['*.' || due.channel, due.kind || '.' || due.channel] IS TRUE AS is_unwanted
        FROM due LEFT JOIN notices ON notices.id = due.notice_id LEFT JOIN preferences ON preferences.recipient_id = due.recipient_id
    ),
    gathered AS (
        SELECT id, first_value(id) OVER together AS digest_id, count(*) OVER together AS messages
        FROM judged WHERE NOT is_read AND NOT is_unwanted
        WINDOW together AS (PARTITION BY recipient_id, channel ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    ),
    verdicts AS (
        SELECT judged.id, is_read, messages > 1 AND digest_id <> judged.id IS TRUE AS is_member,
            CASE WHEN messages > 1 THEN digest_id END AS digest_id
        FROM judged LEFT JOIN gathered ON gathered.id = judged.id
    )
    UPDATE messages SET digest_id = verdicts.digest_id, priority = {rules.ORDINARY},
        state = CASE WHEN is_read OR is_member THEN 'withdrawn' ELSE state END,
        reason = CASE WHEN is_read THEN '{actions.READ}' WHEN is_member THEN '{actions.TOGETHER}' END,
        settled_at = CASE WHEN is_read OR is_member THEN :at END
    FROM verdicts WHERE messages.id = verdicts.id
    """
)


def hold(session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
    """Hold back those of the claimed messages that may not leave now; return the others.

    Messages of a channel that their recipient does not want give way to the next one. Codes, links that are asked for, what follows an
    answer, and attempts of processes that died pass.
    """
    asked = [one for one in claimed if one.notice_id and one.channel in CHANNELS and one.open_attempt is None]
    manners = find_manners(session, {one.recipient_id: one.region for one in asked if one.recipient_id})
    at = now()
    sent = _count_sms(session, [one for one in asked if one.channel == SMS], manners, at)
    held: set[UUID] = set()
    for one in asked:
        assert one.recipient_id
        wanted = manners[one.recipient_id]
        if not (wanted.wants_any(one.channel) if one.digest_id else wanted.wants(one.kind, one.channel)):
            actions.withdraw(session, one, UNWANTED)
            held.add(one.id)
        elif wait := find_hold(wanted, one.channel, at, is_urgent=one.priority == rules.URGENT, sms_today=sent.get(one.recipient_id, 0)):
            _hold(session, one, wait, at)
            held.add(one.id)
        elif one.channel == SMS:
            sent[one.recipient_id] += 1
    return [one for one in claimed if one.id not in held]


def gather(session: Session) -> int:
    """Gather the messages whose digest is due into one for each recipient and channel; return how many were looked at.

    What was read meanwhile ends. A message without others leaves by itself.
    """
    looked_at = cast("CursorResult[Any]", session.execute(_GATHER, {"at": now(), "limit": GATHERED_AT_ONCE})).rowcount
    if looked_at:
        session.execute(WAKE_SENDERS)
    return looked_at


def _hold(session: Session, one: Claimed, wait: Hold, at: datetime) -> None:
    """Put a message back until it may leave. One whose time is over gives way to the next channel."""
    if one.expires_at <= at:
        actions.fail(session, one, "temporary-failure", wait.reason)
    else:
        actions.postpone(session, [one], wait.until, wait.reason)


def _count_sms(session: Session, ours: Sequence[Claimed], manners: Mapping[UUID, Manners], at: datetime) -> dict[UUID, int]:
    """Count the SMS that each recipient of ours has got on their day, and those that leave just now.

    Each recipient is locked first: two processes with a message to the same person would each see none of the other's.
    """
    recipients = sorted({one.recipient_id for one in ours if one.recipient_id})
    for recipient in recipients:
        session.execute(_LOCK, {"recipient": str(recipient)})
    begun = [day_begins(manners[recipient], at) for recipient in recipients]
    given = {"recipients": recipients, "begun": begun, "ours": [one.id for one in ours]}
    counted: dict[UUID, int] = dict(session.execute(_COUNT, given).all()) if recipients else {}
    return {recipient: counted.get(recipient, 0) for recipient in recipients}
