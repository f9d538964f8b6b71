"""Subscriptions to changes, and the source that a service gives them."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from chassis.data.commit_order import Cursor, Snapshot
from chassis.data.database import Database
from chassis.data.offices import Standing
from chassis.http.auth import STAFF, Caller, check_session
from chassis.http.rate_limits import caller_address
from chassis.problems import invalid


class Change(Protocol):
    """A committed change of one thing, heard by those who listen to its topic."""

    topic: str
    subject: UUID
    transaction: int
    changed_at: datetime


@dataclass(frozen=True)
class Batch:
    """The result of a read: the snapshot it was made in, changes that are new in it, and those that returning streams may have missed.

    Changes that transactions before `kept_from` wrote may have been deleted.
    """

    snapshot: Snapshot
    changes: Sequence[Any]
    missed: Sequence[Any]
    kept_from: int


class Source(Protocol):
    """The changes of a service: it reads them, decides who may hear them, and writes them as events."""

    channel: str

    def read(
        self, database: Database, seen: Snapshot | None, is_heard: Callable[[str], bool], returning: Collection[str], since: int
    ) -> Batch:
        """Read the changes that `seen` does not see, of topics that somebody hears, and those of `returning` topics from `since` on."""
        ...

    def may_hear(self, change: Any, subscription: "Subscription") -> bool:
        """Tell whether a subscriber may see a change now."""
        ...

    def event(self, change: Any, language: str) -> tuple[str, bytes]:
        """Return the name of a change's event and its data, as JSON on one line."""
        ...


@dataclass
class Subscription:
    """A person, the topics that they hear, the place to begin at, and the end. Offices of staff are kept up to date."""

    person_id: UUID
    session_id: UUID | None
    is_staff: bool
    address: str
    topics: tuple[str, ...]
    language: str
    cursor: Cursor | None
    ends_at: float
    wait_seconds: int | None
    standing: Standing

    @classmethod
    def of(
        cls, caller: Caller, topics: Iterable[str], language: str, last_event_id: str | None, wait_seconds: int | None
    ) -> "Subscription":
        """Subscribe a caller. Raises `invalid` for an id that no event had, or `sign_in_needed` after the end of their session."""
        check_session(caller)
        try:
            cursor = Cursor.of(last_event_id) if last_event_id else None
        except ValueError:
            raise invalid(errors=[{"pointer": "#query/last_event_id", "code": "text_form"}]) from None
        standing = Standing(tuple(caller.regions), tuple(caller.audited_regions))
        ends_at = caller.token_ends_at or time.time()
        stated = (caller.kind in STAFF, caller_address(), tuple(topics), language, cursor, ends_at, wait_seconds, standing)
        return cls(caller.id, caller.session_id, *stated)
