"""Messages that were planned: claim those that are due, begin attempts, note each outcome, fall back to the next channel."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import case, delete, exists, func, insert, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.data.database import new_id, now
from chassis.http.auth import Caller
from chassis.problems import not_allowed
from notify.channels.interface import NOT_FILED, Failure, Found, Report, Taken
from notify.messages import rules
from notify.messages.admission import note_failure, note_success
from notify.messages.model import Attempt, Message, State
from notify.messages.planning import WAKE_SENDERS
from notify.messages.queries import ListEntry, check_runs_house, failed_for, get_list_entry
from notify.messages.rules import BESIDE, SMS, TO_PEOPLE, WORK_LIST
from notify.model import OUTSIDE, Notice
from notify.questions.actions import close_unsent, delete_questions_of
from notify.questions.model import Question

log = logging.getLogger("notify.codes")
LEASE = timedelta(seconds=30)
"""A process extends its leases while providers are slow. One that does not died, or stands still."""
KEPT = timedelta(days=7)
DELETED_AT_ONCE = 10_000
UNWANTED, READ, TOGETHER = "unwanted", "read", "gathered"
"""Reasons for which a message is withdrawn: its recipient does not want it on this channel, has read it, or gets a digest instead."""
Outcome = Taken | Failure


_DELETE = text(
    "WITH old AS (SELECT id FROM messages WHERE settled_at < :before ORDER BY settled_at LIMIT :limit FOR UPDATE SKIP LOCKED),"
    " gone AS (DELETE FROM messages USING old WHERE messages.id = old.id RETURNING messages.*)"
    " INSERT INTO message_counts (day, channel, provider, kind, state, messages)"
    " SELECT CAST(settled_at AT TIME ZONE 'Asia/Shanghai' AS date), channel, coalesce(provider, ''), kind, state, count(*) FROM gone"
    " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
    " ON CONFLICT (day, channel, provider, kind, state) DO UPDATE SET messages = message_counts.messages + excluded.messages"
)


@dataclass(frozen=True)
class OpenAttempt:
    """An attempt of a process that died: nobody knows yet whether the provider took the letter."""

    attempt: int
    provider: str
    begun_at: datetime


@dataclass(frozen=True)
class Claimed:
    """A message that one process has in hand until its lease is over. `due_at` marks the lease."""

    id: UUID
    notice_id: UUID | None
    code_id: UUID | None
    recipient_id: UUID | None
    endpoint_id: UUID | None
    channel: str
    kind: str
    priority: int
    attempts: int
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    region: str | None = None
    digest_id: UUID | None = None
    question_id: UUID | None = None
    text: str | None = None
    open_attempt: OpenAttempt | None = None

    @property
    def is_code(self) -> bool:
        return self.code_id is not None

    def account_at(self, provider: str) -> str:
        """Return whose failures and allowance count: those of the provider, or of the one endpoint there."""
        return f"{provider}.{self.endpoint_id.hex}" if self.endpoint_id else provider


def claim(session: Session, limit: int, priorities: Sequence[int] = TO_PEOPLE) -> list[Claimed]:
    """Claim messages that are due, codes first. Others may take them over once `LEASE` is over."""
    claimed: list[Claimed] = []
    for priority in priorities:
        if len(claimed) < limit:
            claimed += _claim(session, priority, limit - len(claimed))
    return claimed


def _claim(session: Session, priority: int, limit: int) -> list[Claimed]:
    due = (
        select(Message.id)
        .where(Message.settled_at.is_(None), Message.priority == priority, Message.due_at <= func.clock_timestamp())
        .order_by(Message.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    columns = [getattr(Message, name) for name in Claimed.__dataclass_fields__ if name != "open_attempt"]
    rows = session.execute(
        update(Message)
        .where(Message.id == due.c.id)
        .values(state="sending", due_at=func.clock_timestamp() + LEASE)
        .returning(Message.taken_at, *columns)
        .execution_options(synchronize_session=False)
    ).all()
    silent = [row.id for row in rows if row.taken_at is not None]
    if silent:
        _give_up_silent(session, silent)
    taken_in_hand = [row for row in rows if row.taken_at is None]
    attempts = select(Attempt).where(Attempt.message_id.in_([row.id for row in taken_in_hand]), Attempt.outcome.is_(None))
    unknown = {
        one.message_id: OpenAttempt(one.attempt, one.provider, one.begun_at) for one in session.scalars(attempts.order_by(Attempt.attempt))
    }
    names = [column.key for column in columns]
    return [Claimed(**{name: getattr(row, name) for name in names}, open_attempt=unknown.get(row.id)) for row in taken_in_hand]


def _give_up_silent(session: Session, ids: Collection[UUID]) -> None:
    """Give up messages that a provider took and never reported about; the next channel has its turn."""
    for message in session.scalars(select(Message).where(Message.id.in_(ids)).order_by(Message.id)):
        settle(session, message, "temporary-failure", "no_report")


def begin(session: Session, claimed: Iterable[Claimed], provider: str) -> list[Claimed]:
    """Record an attempt for each of these messages before the provider is called. Leaves out those that another process took over."""
    wanted = {one.id: one for one in claimed}
    held = [(one.id, one.due_at) for one in wanted.values()]
    begun = session.execute(
        update(Message)
        .where(tuple_(Message.id, Message.due_at).in_(held), Message.settled_at.is_(None))
        .values(attempts=Message.attempts + 1, provider=provider, due_at=func.clock_timestamp() + LEASE)
        .returning(Message.id, Message.attempts, Message.due_at)
        .execution_options(synchronize_session=False)
    ).all()
    if begun:
        at = now()
        rows = [{"message_id": row.id, "attempt": row.attempts, "provider": provider, "begun_at": at} for row in begun]
        session.execute(insert(Attempt), rows)
    return [replace(wanted[row.id], attempts=row.attempts, due_at=row.due_at, open_attempt=None) for row in begun]


def extend_leases(session: Session, attempts: Mapping[UUID, int]) -> set[UUID]:
    """Extend the leases of attempts, by message, that still run; return those messages. Others were taken over, or are done with.

    Rows that are locked are left out: whoever has one notes an outcome, or takes the message over.
    """
    running = (tuple_(Message.id, Message.attempts).in_(list(attempts.items())), Message.state == "sending")
    waiting = (Message.settled_at.is_(None), Message.taken_at.is_(None))
    held = select(Message.id).where(*running, *waiting).with_for_update(skip_locked=True).cte("held")
    extended = update(Message).where(Message.id == held.c.id).values(due_at=func.clock_timestamp() + LEASE).returning(Message.id)
    return set(session.scalars(extended.execution_options(synchronize_session=False))) if attempts else set()


def postpone(session: Session, claimed: Iterable[Claimed], until: datetime, reason: str) -> None:
    """Put messages back without an attempt: nobody could be asked for their addresses, or no provider may be called."""
    for one in claimed:
        if message := _held(session, one):
            _try_again(session, message, max(now(), min(until, message.expires_at)), reason)


def note_outcome(
    session: Session,
    claimed: Claimed,
    provider: str,
    outcome: Outcome,
    reason: str | None = None,
    number: str | None = None,
    retry_at: datetime | None = None,
) -> None:
    """Note how an attempt ended. A failure of an attempt that was taken over meanwhile changes nothing; a success always counts.

    A text that was not filed says nothing about the provider, so it closes none. `retry_at` is when the provider wants to be asked again.
    """
    at = now()
    session.execute(
        update(Attempt)
        .where(Attempt.message_id == claimed.id, Attempt.attempt == claimed.attempts, Attempt.outcome.is_(None))
        .values(ended_at=at, outcome=outcome, reason=reason, number=number)
        .execution_options(synchronize_session=False)
    )
    is_success = outcome in {"taken", "delivered"}
    message = session.get(Message, claimed.id, with_for_update=True, populate_existing=True)
    if message is not None and message.settled_at is None and (is_success or message.attempts == claimed.attempts):
        _apply(session, message, outcome, reason, at, retry_at)
    if is_success:
        note_success(session, claimed.account_at(provider))
    elif outcome in {"temporary-failure", "technical-failure"} and not (reason or "").startswith(NOT_FILED):
        note_failure(session, claimed.account_at(provider), retry_at)


def resolve(session: Session, claimed: Claimed, found: Found, reason: str | None = None) -> Claimed | None:
    """Note what the provider says of an attempt whose process died. Returns the message when it has to be sent now.

    A code of which nobody can tell whether it left is not sent again: the person asks for another one.
    """
    open_attempt = claimed.open_attempt
    assert open_attempt
    message = _held(session, claimed)
    if message is None:
        return None
    outcome = "doubtful" if found == "unknown" else found
    session.execute(
        update(Attempt)
        .where(Attempt.message_id == claimed.id, Attempt.attempt == open_attempt.attempt)
        .values(ended_at=now(), outcome=outcome, reason=reason)
        .execution_options(synchronize_session=False)
    )
    if found == "unknown":
        message.doubts += 1
        if claimed.is_code:
            settle(session, message, "doubtful", reason)
            return None
    elif found != "absent":
        _apply(session, message, found, reason, now())
        return None
    return replace(claimed, open_attempt=None)


def withdraw(session: Session, claimed: Claimed, reason: str) -> None:
    """End a message that nobody needs any more."""
    if message := _held(session, claimed):
        settle(session, message, "withdrawn", reason)


def fail(session: Session, claimed: Claimed, outcome: Failure, reason: str) -> None:
    """Note a failure before any provider was called: no address, no provider, no words."""
    if message := _held(session, claimed):
        _apply(session, message, outcome, reason, now())


def settle(session: Session, message: Message, state: State, reason: str | None) -> None:
    """End a message. After a failure the next channel has its turn, or when this one is `UNWANTED`; after a delivery none has any more.

    A message beside the app ends nothing else: nobody knows whether browser or WeChat is ever opened. Nothing but reading ends it either,
    so that it does not depend on which of two providers is faster.
    """
    at = now()
    message.state, message.reason, message.settled_at = state, reason, at
    session.flush()
    if state in rules.FAILURES and message.channel == SMS:
        close_unsent(session, message.id)
    if message.notice_id is None:
        return
    if (state in rules.FAILURES and message.then) or (reason == UNWANTED and _has_wanted_channel(session, message)):
        _fall_back(session, message, at)
    elif state == "delivered" and message.channel not in BESIDE:
        waiting = (Message.notice_id == message.notice_id, Message.settled_at.is_(None), Message.channel.not_in(BESIDE))
        siblings = update(Message).where(*waiting)
        session.execute(siblings.values(state="withdrawn", reason="reached", settled_at=at).execution_options(synchronize_session="fetch"))
        reached = update(Notice).where(Notice.id == message.notice_id, Notice.state != "delivered")
        session.execute(reached.values(state="delivered").execution_options(synchronize_session=False))


def note_report(session: Session, provider: str, report: Report) -> bool:
    """Note what a provider reports about a letter that it took; tell whether it is one of ours."""
    known = select(Attempt).where(Attempt.provider == provider, Attempt.number == report.number)
    attempt = session.scalars(known.order_by(Attempt.begun_at.desc()).limit(1)).first()
    if attempt is None:
        return False
    message = session.get(Message, attempt.message_id, with_for_update=True, populate_existing=True)
    attempt.outcome, attempt.reason, attempt.ended_at = report.outcome, report.reason, now()
    if message is not None and message.settled_at is None:
        settle(session, message, report.outcome, report.reason)
    return True


def note_arrival(session: Session, message_id: UUID) -> None:
    """Note that a text arrived, since somebody answered it."""
    message = session.get(Message, message_id, with_for_update=True, populate_existing=True)
    if message is not None and message.settled_at is None:
        settle(session, message, "delivered", "answered")


def put_on_list(session: Session, question: Question, at: datetime) -> None:
    """Put the notice of a question on its village's work list, when a household was asked: somebody has to speak with it."""
    if question.region is None:
        return
    row = {
        "id": new_id(), "notice_id": question.notice_id, "recipient_id": question.recipient_id, "region": question.region,
        "channel": WORK_LIST, "then": [], "kind": question.kind, "priority": rules.URGENT, "state": "created", "attempts": 0, "doubts": 0,
        "created_at": at, "due_at": at + rules.ON_THE_LIST_FOR,
        "expires_at": at + rules.ON_THE_LIST_FOR + rules.KEPT_TRYING[rules.URGENT],
    }  # fmt: skip
    session.execute(upsert(Message).values(row).on_conflict_do_nothing())


def tell(session: Session, caller: Caller, message_id: UUID) -> ListEntry:
    """State that a household was told what stands on its village's work list. Raises `not_found` or `not_allowed`."""
    entry = get_list_entry(session, caller, message_id, lock=True)
    message = entry.message
    if not caller.manages(message.region or ""):
        raise not_allowed()
    if message.settled_at is None:
        settle(session, message, "delivered", "told")
        told = Entry(
            act="tell_household", subject="message", subject_id=message.id, person_id=message.recipient_id, region=message.region or ""
        )
        audit_log.record(session, caller, told)
    return entry


def resend(session: Session, caller: Caller, filters: dict[str, Any]) -> int:
    """Send failed notices again; return how many. Raises `not_allowed`.

    What reached its recipient another way is left out, and so are codes, which are of no use any more.
    """
    check_runs_house(caller)
    at = now()
    sibling = aliased(Message)
    reached = exists().where(sibling.notice_id == Message.notice_id, sibling.state == "delivered")
    is_notice = or_(Message.notice_id.is_not(None), Message.endpoint_id.is_not(None))
    failed = select(Message.id).where(*failed_for(filters), is_notice, ~reached)
    ids = session.scalars(failed.order_by(Message.id).limit(DELETED_AT_ONCE).with_for_update(skip_locked=True)).all()
    expiries = {priority: at + kept for priority, kept in rules.KEPT_TRYING.items()}
    session.execute(
        update(Message)
        .where(Message.id.in_(ids))
        .values(
            state="created",
            settled_at=None,
            taken_at=None,
            due_at=at,
            expires_at=case(*((Message.priority == priority, expiry) for priority, expiry in expiries.items()), else_=at),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(WAKE_SENDERS)
    audit_log.record(session, caller, Entry(act="resend_messages", subject="message", details={"messages": len(ids)}))
    return len(ids)


def delete_messages_of(session: Session, recipients: Collection[UUID]) -> None:
    """Delete the messages and questions to people who were erased."""
    session.execute(delete(Message).where(Message.recipient_id.in_(recipients)))
    delete_questions_of(session, recipients)


def delete_old(session: Session) -> None:
    """Delete messages that were settled longer ago than `KEPT`, ten thousand at a time, and count them for ever."""
    session.execute(_DELETE, {"before": now() - KEPT, "limit": DELETED_AT_ONCE})


def _held(session: Session, claimed: Claimed) -> Message | None:
    """Lock a message that is still in this process's hands; None when another took it over, or it is settled."""
    message = session.get(Message, claimed.id, with_for_update=True, populate_existing=True)
    return message if message and message.settled_at is None and message.due_at == claimed.due_at else None


def _apply(session: Session, message: Message, outcome: str, reason: str | None, at: datetime, retry_at: datetime | None = None) -> None:
    if outcome == "taken":
        message.state, message.reason, message.taken_at, message.due_at = "sending", reason, at, at + rules.REPORT_WITHIN
    elif outcome == "temporary-failure":
        again = rules.next_attempt(message.attempts, at, message.expires_at, is_code=message.code_id is not None)
        if again is None:
            settle(session, message, "temporary-failure", reason)
        else:
            wish = min(retry_at, at + rules.LONGEST_WISH, message.expires_at) if retry_at else again
            _try_again(session, message, max(again, wish), reason)
    else:
        settle(session, message, cast("State", outcome), reason)


def _try_again(session: Session, message: Message, at: datetime, reason: str | None) -> None:
    message.state = "temporary-failure" if message.attempts else "created"
    message.reason, message.due_at = reason, at
    session.flush()


def _has_wanted_channel(session: Session, message: Message) -> bool:
    """Tell whether a message that is not wanted on its channel goes on. Whoever has the app needs nobody of the village to be told."""
    if not message.then:
        return False
    notice = session.get(Notice, message.notice_id)
    return message.then[0] != WORK_LIST or (notice is not None and notice.channel == OUTSIDE)


def _fall_back(session: Session, message: Message, at: datetime) -> None:
    """Plan the message of the next channel. What comes onto a work list waits there for somebody of the village, each notice by itself."""
    channel, *then = message.then
    stays = rules.ON_THE_LIST_FOR if channel == WORK_LIST else timedelta(0)
    gathered = {message.notice_id: message.kind}
    if channel == WORK_LIST and message.digest_id:
        gathered = dict(session.execute(select(Message.notice_id, Message.kind).where(Message.digest_id == message.digest_id)).all())
    following = [
        {
            "id": new_id(),
            "notice_id": notice_id,
            "recipient_id": message.recipient_id,
            "region": message.region,
            "channel": channel,
            "then": then,
            "kind": kind,
            "priority": message.priority,
            "state": "created",
            "attempts": 0,
            "doubts": 0,
            "created_at": at,
            "due_at": at + stays,
            "expires_at": at + stays + rules.KEPT_TRYING[message.priority],
            "digest_id": None if channel == WORK_LIST else message.digest_id,
        }
        for notice_id, kind in gathered.items()
    ]
    session.execute(upsert(Message).on_conflict_do_nothing(), following)
    session.execute(WAKE_SENDERS)
