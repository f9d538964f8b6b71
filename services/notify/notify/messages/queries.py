"""Queries of messages: failures for those who run the house, and the work list of a village."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_allowed, not_found
from notify.messages.model import Message
from notify.messages.rules import WORK_LIST
from notify.model import Notice

_IS_FAILED = (Message.settled_at.is_not(None), Message.state.like("%-failure"))


class HasNotices(Protocol):
    """A message, as it stands in the table or as it was claimed."""

    @property
    def id(self) -> UUID: ...
    @property
    def notice_id(self) -> UUID | None: ...
    @property
    def digest_id(self) -> UUID | None: ...


@dataclass(frozen=True)
class ReasonCount:
    """The number of messages of the last week that failed for one reason."""

    channel: str
    provider: str | None
    state: str
    reason: str | None
    messages: int


@dataclass(frozen=True)
class ListEntry:
    """A line of a village's work list: the message, and the notice that somebody is to pass on."""

    message: Message
    notice: Notice


def check_runs_house(caller: Caller) -> None:
    """Raise `not_allowed` for anybody but administrators of the whole country."""
    if not caller.manages(""):
        raise not_allowed()


def list_failures(session: Session, caller: Caller, filters: dict[str, Any], **paging: Any) -> dict[str, Any]:
    """List messages that failed in the last week, newest first."""
    check_runs_house(caller)
    return page(session, select(Message).where(*_IS_FAILED, *_filtered(filters)), Message.id, **paging)


def count_reasons(session: Session, caller: Caller) -> list[ReasonCount]:
    """Count the failures of the last week by reason, the most frequent first."""
    check_runs_house(caller)
    columns = (Message.channel, Message.provider, Message.state, Message.reason)
    counted = select(*columns, func.count().label("messages")).where(*_IS_FAILED).group_by(*columns)
    return [ReasonCount(*row) for row in session.execute(counted.order_by(func.count().desc(), *columns).limit(200))]


def list_work(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """List what is to be told to households of the caller's regions, newest first."""
    open_entries = (Message.channel == WORK_LIST, Message.settled_at.is_(None), Message.region.is_not(None))
    found = page(session, select(Message).where(*open_entries, caller.within(Message.region)), Message.id, **paging)
    return found | {"items": with_notices(session, found["items"])}


def get_list_entry(session: Session, caller: Caller, message_id: UUID, *, lock: bool = False) -> ListEntry:
    """Get a line of a work list that the caller may read. Raises `not_found` for any other."""
    message = session.get(Message, message_id, with_for_update=lock)
    if message is None or message.channel != WORK_LIST or message.region is None or not caller.reads(message.region):
        raise not_found()
    found = with_notices(session, [message])
    if not found:
        raise not_found()
    return found[0]


def with_notices(session: Session, messages: list[Message]) -> list[ListEntry]:
    """Join messages with their notices; one without is left out."""
    asked = select(Notice).where(Notice.id.in_([one.notice_id for one in messages if one.notice_id]))
    notices = {one.id: one for one in session.scalars(asked)}
    return [ListEntry(one, notices[one.notice_id]) for one in messages if one.notice_id in notices]


def load_notices(session: Session, messages: Sequence[HasNotices]) -> dict[UUID, list[Notice]]:
    """Load the notices that each message stands for, oldest first: one, or all of a digest."""
    digests = {one.digest_id for one in messages if one.digest_id}
    gathered = select(Message.digest_id, Message.notice_id).where(Message.digest_id.in_(digests)).distinct()
    members = session.execute(gathered).all() if digests else []
    wanted = {one.id: {id for digest, id in members if digest == one.digest_id} if one.digest_id else {one.notice_id} for one in messages}
    every = {id for ids in wanted.values() for id in ids if id}
    found = session.scalars(select(Notice).where(Notice.id.in_(every)).order_by(Notice.id)).all() if every else []
    return {message_id: [notice for notice in found if notice.id in ids] for message_id, ids in wanted.items()}


def _filtered(filters: dict[str, Any]) -> list[ColumnElement[bool]]:
    return [getattr(Message, name) == value for name, value in filters.items() if value is not None]


def failed_for(filters: dict[str, Any]) -> list[ColumnElement[bool]]:
    """Conditions that select messages that failed for a reason."""
    return [*_IS_FAILED, *_filtered(filters)]
