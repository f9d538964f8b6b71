"""The source of streams: new changes, the notices behind them, and the words of these."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.commit_order import Snapshot
from chassis.data.database import Database
from chassis.http.streams.subscriptions import Batch
from notify.live import rules
from notify.live.actions import WAKE
from notify.live.model import Horizon
from notify.model import Notice
from notify.templates.speaking import Speaker

_COLUMNS = "topic, subject, CAST(CAST(transaction AS text) AS bigint), kind, open, account_id, region, auditors, changed_at, body"
_PLACE = text(
    "SELECT CAST(pg_current_snapshot() AS text),"
    f" coalesce((SELECT CAST(CAST(transaction AS text) AS bigint) + 1 FROM {Horizon.__tablename__} WHERE id = 1), 0)"
)
# A row that is written again after the snapshot is not seen here; whoever reads on from the snapshot finds it.
_NEW = text(
    f"SELECT {_COLUMNS} FROM live_changes WHERE transaction >= CAST(:first AS xid8)"
    " AND NOT pg_visible_in_snapshot(transaction, CAST(:seen AS pg_snapshot))"
    " AND pg_visible_in_snapshot(transaction, CAST(:place AS pg_snapshot)) ORDER BY transaction, subject"
)
_MISSED = text(
    f"SELECT {_COLUMNS} FROM live_changes WHERE topic = ANY(CAST(:topics AS text[])) AND transaction >= CAST(:since AS xid8)"
    " AND pg_visible_in_snapshot(transaction, CAST(:place AS pg_snapshot)) ORDER BY transaction, subject"
)


class Heard(NamedTuple):
    """A change as the hub knows it."""

    topic: str
    subject: UUID
    transaction: int
    kind: str
    open: bool
    account_id: UUID | None
    region: str | None
    auditors: bool
    changed_at: datetime
    body: dict[str, Any] | None
    notice: Notice | None = None
    speaker: Speaker | None = None


class Changes:
    """The source of notify's streams."""

    channel = WAKE
    may_hear = staticmethod(rules.may_hear)

    def read(
        self, database: Database, seen: Snapshot | None, is_heard: Callable[[str], bool], returning: Collection[str], since: int
    ) -> Batch:
        """Read what is new since `seen`, and of the `returning` topics what transactions from `since` on wrote."""
        with database.read() as session:
            place, kept_from = session.execute(_PLACE).one()
            new = _read(session, _NEW, is_heard, first=str(seen.first), seen=seen.text, place=place) if seen else []
            stated = {"topics": list(returning), "since": str(since), "place": place}
            missed = _read(session, _MISSED, lambda _: True, **stated) if returning else []
            notices = _notices(session, {one.subject for one in (*new, *missed) if one.kind == "notice"})
            speaker = Speaker.of(session, notices.values())
        return Batch(Snapshot.of(place), _with_notices(new, notices, speaker), _with_notices(missed, notices, speaker), kept_from)

    def event(self, change: Heard, language: str) -> tuple[str, bytes]:
        """Return the name of a change's event, and its data."""
        data = change.body
        if change.notice is not None and change.speaker is not None:
            data = notice_as_shown(change.notice, change.speaker, language)
        return change.kind, msgspec.json.encode(data)


def notice_as_shown(notice: Notice, speaker: Speaker, language: str) -> dict[str, Any]:
    """Return a notice as `GET /v1/notices/{id}` shows it."""
    named = ("id", "version", "kind", "side", "about", "facts")
    times = {"created_at": notice.created_at.isoformat(), "read_at": notice.read_at and notice.read_at.isoformat()}
    words = speaker.words_of(notice, language)
    return {name: getattr(notice, name) for name in named} | words | times | {"allowed": ["read_notice"]}


def _read(session: Session, statement: Any, is_heard: Callable[[str], bool], **stated: Any) -> list[Heard]:
    return [Heard(*row) for row in session.execute(statement, stated) if is_heard(row[0])]


def _notices(session: Session, ids: Collection[UUID]) -> dict[UUID, Any]:
    columns = (Notice.id, Notice.version, Notice.kind, Notice.side, Notice.about, Notice.facts, Notice.created_at, Notice.read_at)
    return {row.id: row for row in session.execute(select(*columns).where(Notice.id.in_(ids)))} if ids else {}


def _with_notices(changes: Sequence[Heard], notices: dict[UUID, Any], speaker: Speaker) -> list[Heard]:
    """Add the notices to their changes; leave out those that were deleted."""
    found = []
    for one in changes:
        if one.kind == "notice" and (notice := notices.get(one.subject)) is not None:
            found.append(one._replace(notice=notice, speaker=speaker))
        elif one.kind != "notice":
            found.append(one)
    return found
