"""Planning of messages: which channel each fresh notice takes first, when, and which follow; codes, links and texts after an answer."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from contracts.users import CodeRequested
from notify.messages import rules
from notify.messages.model import Message
from notify.messages.rules import BESIDE, BY_EMAIL, CODES, EMAIL, LINKING, SMS, WECHAT, WORK_LIST
from notify.preferences.queries import find_manners
from notify.preferences.rules import Manners, choose_channels, digest_due
from notify.questions.model import Question

log = logging.getLogger("notify.codes")
WAKE = "messages"
WAKE_SENDERS = text(f"SELECT pg_notify('{WAKE}', '')")
_BESIDE = text(
    "SELECT 'push' AS channel, account_id FROM push_subscriptions WHERE account_id = ANY(:accounts)"
    " UNION SELECT 'wechat', account_id FROM wechat_links WHERE linked_at IS NOT NULL AND account_id = ANY(:accounts)"
)
_PLAN = text(
    'INSERT INTO messages (id, notice_id, recipient_id, region, channel, "then", kind, priority, state, attempts, doubts, created_at,'
    " due_at, expires_at)"
    " SELECT id, notice_id, recipient_id, region, channel, \"then\", kind, priority, 'created', 0, 0, :at, due_at, expires_at"
    " FROM jsonb_to_recordset(CAST(:messages AS jsonb)) AS fresh (id uuid, notice_id uuid, recipient_id uuid, region text, channel text,"
    ' "then" text[], kind text, priority smallint, due_at timestamptz, expires_at timestamptz)'
    " ORDER BY notice_id, channel ON CONFLICT DO NOTHING"
)


def plan_messages(session: Session, notices: Mapping[UUID, Mapping[str, Any]], at: datetime) -> None:
    """Plan the messages of fresh notices: which channel each takes first, when, and which follow, as its recipient prefers."""
    manners = find_manners(session, {notice["recipient_id"]: _region_of(notice) for notice in notices.values()})
    planned = [one for notice_id, notice in notices.items() if (one := _plan(notice_id, notice, at, manners[notice["recipient_id"]]))]
    pushed = {notice["recipient_id"] for notice in notices.values() if rules.is_beside(notice)}
    holders = {(row.channel, row.account_id) for row in session.execute(_BESIDE, {"accounts": sorted(pushed)})} if pushed else set()
    planned += [
        _plan_beside(channel, notice_id, notice, at)
        for channel in BESIDE
        for notice_id, notice in notices.items()
        if (channel, notice["recipient_id"]) in holders
        and rules.is_beside(notice)
        and manners[notice["recipient_id"]].wants(notice["kind"], channel)
    ]
    if planned:
        session.execute(_PLAN, {"messages": msgspec.json.encode(planned).decode(), "at": at})
        if any(one["due_at"] <= at for one in planned):
            session.execute(WAKE_SENDERS)


def _plan(notice_id: UUID, notice: Mapping[str, Any], at: datetime, manners: Manners) -> dict[str, Any] | None:
    has_app = bool(notice["has_app"])
    route = rules.find_route(notice["side"], notice["urgency"], has_app=has_app, is_household=_is_of_household(notice))
    channels = choose_channels(manners, notice["kind"], route.channels, has_app=has_app) if route else ()
    if route is None or not channels:
        return None
    due_at = at + (rules.ON_THE_LIST_FOR if channels[0] == WORK_LIST else route.wait)
    priority = rules.URGENT if notice["urgency"] == "high" else rules.ORDINARY
    expires_at = due_at + rules.KEPT_TRYING[priority]
    if has_app and priority == rules.ORDINARY and manners.digest == "daily":
        priority, due_at = rules.GATHERED, digest_due(manners, due_at)
    return {
        "id": new_id(),
        "notice_id": notice_id,
        "recipient_id": notice["recipient_id"],
        "region": _region_of(notice),
        "channel": channels[0],
        "then": channels[1:],
        "kind": notice["kind"],
        "priority": priority,
        "due_at": due_at,
        "expires_at": expires_at,
    }


def _region_of(notice: Mapping[str, Any]) -> str | None:
    return notice["region"] if _is_of_household(notice) else None


def _is_of_household(notice: Mapping[str, Any]) -> bool:
    return notice["side"] == "household" and notice["facts"].get("on_behalf") is False


def _plan_beside(channel: str, notice_id: UUID, notice: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Plan a message beside every other channel, at once: it costs nothing, and nobody knows whether it is ever looked at."""
    priority = rules.URGENT if notice["urgency"] == "high" else rules.ORDINARY
    return {
        "id": new_id(),
        "notice_id": notice_id,
        "recipient_id": notice["recipient_id"],
        "region": None,
        "channel": channel,
        "then": [],
        "kind": notice["kind"],
        "priority": priority,
        "due_at": at,
        "expires_at": at + rules.KEPT_TRYING[priority],
    }


def plan_linking(session: Session, account_id: UUID) -> UUID:
    """Plan the message that links an account to WeChat; return its id."""
    at, message_id = now(), new_id()
    session.add(
        Message(
            id=message_id, recipient_id=account_id, channel=WECHAT, then=[], kind=LINKING, priority=CODES, state="created", attempts=0,
            doubts=0, created_at=at, due_at=at, expires_at=at + rules.KEPT_TRYING[CODES],
        )
    )  # fmt: skip
    session.flush()
    session.execute(WAKE_SENDERS)
    return message_id


def record_codes(session: Session, events: Sequence[CodeRequested]) -> None:
    """Record a message for each code that is asked for, once. Drop those that have expired meanwhile."""
    at = now()
    fresh = {event.code_id: event for event in events if event.expires_at > at}
    if late := len(events) - len(fresh):
        log.info("codes expired before they were heard of", extra={"count": late})
    if not fresh:
        return
    same = {"then": [], "priority": CODES, "state": "created", "attempts": 0, "doubts": 0, "created_at": at, "due_at": at}
    rows = [
        same
        | {
            "id": code_id,
            "code_id": code_id,
            "channel": EMAIL if event.purpose in BY_EMAIL else SMS,
            "kind": f"code_{event.purpose}",
            "expires_at": event.expires_at,
        }
        for code_id, event in sorted(fresh.items())
    ]
    session.execute(upsert(Message).on_conflict_do_nothing(), rows)
    session.execute(WAKE_SENDERS)


def plan_follow_up(session: Session, question: Question, text_name: str, at: datetime) -> None:
    """Plan a short text to the telephone that answered a question; each text follows a question once."""
    row = {
        "id": new_id(), "question_id": question.id, "text": text_name, "recipient_id": question.recipient_id, "channel": SMS, "then": [],
        "kind": question.kind, "priority": rules.URGENT, "state": "created", "attempts": 0, "doubts": 0, "created_at": at, "due_at": at,
        "expires_at": at + rules.KEPT_TRYING[rules.URGENT],
    }  # fmt: skip
    session.execute(upsert(Message).values(row).on_conflict_do_nothing())
    session.execute(WAKE_SENDERS)
