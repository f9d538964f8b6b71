"""The audit log: who did or read what about whom. A service's role can only add entries and read them.

The table belongs to a role of its own (`<service>_audit`), so that nobody who acts as the service can change what it recorded.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import MetaData, String, Uuid, event, func, insert, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from chassis.data.bulk_sql import copy_rows
from chassis.data.database import NAMING, Database, Moment, RegionCode, new_id
from contracts import regions

log = logging.getLogger("chassis.audit")

DONE = "done"
LEVELS = (2, 4, 6, 9, 12)
"""Lengths of division codes. Each has an index of its own, so that the newest entries of any region are one range."""
CLOCK_DIFFERENCE = timedelta(minutes=10)
"""How far the time in an entry's id may lie from the database's time of the entry; a constraint of the table refuses more."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}\Z")
_MAX_NUMBER = 10**6
_REFUSALS = "audit_refusals"
MANY = 50
"""From so many entries on, COPY takes less than an INSERT."""


class Base(DeclarativeBase):
    """Tables of the audit role."""

    metadata = MetaData(schema="audit", naming_convention=NAMING)


class AuditEntry(Base):
    """One act or one look, as recorded. It holds ids and codes only."""

    __tablename__ = "entries"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.clock_timestamp())
    act: Mapped[str] = mapped_column(String(100))
    outcome: Mapped[str] = mapped_column(String(100))
    actor_id: Mapped[UUID | None]
    actor_kind: Mapped[str] = mapped_column(String(20))
    subject_kind: Mapped[str] = mapped_column(String(50))
    subject_id: Mapped[UUID | None]
    person_id: Mapped[UUID | None]
    region: Mapped[str] = mapped_column(RegionCode)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Actor(Protocol):
    """Whoever acts; `Caller` is one."""

    @property
    def id(self) -> UUID | None:
        """The user's id; None for anybody without an account."""
        ...

    @property
    def kind(self) -> str:
        """The user's kind, or one of `guest`, `operator` and `service`."""
        ...


@dataclass(frozen=True)
class NoUser:
    """An actor without an account."""

    kind: str
    id: None = None


GUEST, OPERATOR, SERVICE = NoUser("guest"), NoUser("operator"), NoUser("service")
"""Anybody not signed in, an operator's command, another process of Duijie."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry to record. `details` holds ids, codes and small numbers, never text that a person wrote."""

    act: str
    """The name of the act, as a rule the `operationId`."""
    subject: str
    """The kind of thing it was done to, such as `need`."""
    subject_id: UUID | None = None
    person_id: UUID | None = None
    """The person whose data were read or changed."""
    region: str = ""
    """The division whose auditors see the entry; empty for those of the whole country alone."""
    outcome: str = DONE
    """`done`, or the code of the problem that refused the act."""
    details: Mapping[str, Any] = field(default_factory=dict)


def record(session: Session, actor: Actor, *entries: Entry) -> None:
    """Record acts in the session's transaction: they are kept if, and only if, it commits.

    Logs one line for each act at INFO after the commit. Raises `ValueError` when `details` holds text.
    """
    if not entries:
        return
    rows = [_row(actor, entry) for entry in entries]
    if len(rows) < MANY:
        session.execute(insert(AuditEntry), rows)
    else:
        # The table's default gives each entry the database's time; the service may not write that column.
        copy_rows(session, "audit.entries", list(rows[0]), ([*(row | {"details": json.dumps(row["details"])}).values()] for row in rows))
    event.listen(session, "after_commit", lambda _: _log(actor, entries), once=True)


def record_refusal(session: Session, actor: Actor, entry: Entry) -> None:
    """Record an act that is about to be refused: the entry is kept although the transaction of the request is rolled back.

    `entry.outcome` is the problem's code. It is written in a transaction of its own when the route has raised the problem. A route that
    raises nothing writes it with its own transaction.
    """
    if entry.outcome == DONE:
        raise ValueError("a refusal names the code of its problem as outcome")
    session.info.setdefault(_REFUSALS, []).append((actor, entry))


def write_refusals(session: Session, database: Database | None = None) -> None:
    """Write what `record_refusal` remembered: in the session's transaction, or in one of its own on `database`. The guard calls this."""
    refusals: list[tuple[Actor, Entry]] = session.info.pop(_REFUSALS, [])
    if not refusals:
        return
    if database is None:
        for actor, entry in refusals:
            record(session, actor, entry)
        return
    with database.begin() as apart:
        for actor, entry in refusals:
            record(apart, actor, entry)


def id_at(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of a moment, as a bound of ids."""
    return UUID(int=max(int(moment.timestamp() * 1000), 0) << 80)


def region_key(region: str) -> Any:
    """Return the SQL expression that equals this code for entries of the region and of all below it; it has an index."""
    # Not a parameter, by which PostgreSQL would not recognise the index.
    return AuditEntry.region if len(region) == LEVELS[-1] else func.left(AuditEntry.region, literal_column(str(len(region))))


def _row(actor: Actor, entry: Entry) -> dict[str, Any]:
    for name, value in entry.details.items():
        _check_plain(name, value)
    return {
        "id": new_id(), "act": entry.act, "outcome": entry.outcome, "actor_id": actor.id, "actor_kind": actor.kind,
        "subject_kind": entry.subject, "subject_id": entry.subject_id, "person_id": entry.person_id, "region": entry.region,
        "details": {name: _plain(value) for name, value in entry.details.items()},
    }  # fmt: skip


def _check_plain(name: str, value: Any) -> None:
    """Raise `ValueError` for a value that could be personal: text, or a number as long as a phone."""
    for one in value if isinstance(value, list | tuple | set | frozenset) else (value,):
        if one is None or isinstance(one, bool | UUID | datetime) or (isinstance(one, int) and abs(one) < _MAX_NUMBER):
            continue
        # A code that was listed after the shipped edition lies in one of its provinces.
        if isinstance(one, str) and (not one or _CODE.match(one) or (regions.is_shaped(one) and regions.known(one[:2]))):
            continue
        raise ValueError(f"the audit log holds ids and codes only; {name} is neither")


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, UUID) else value.isoformat() if isinstance(value, datetime) else value


def _log(actor: Actor, entries: Iterable[Entry]) -> None:
    acts: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        acts.setdefault((entry.act, entry.outcome), []).append(entry)
    for (act, outcome), alike in acts.items():
        about = {"subject_id": alike[0].subject_id and str(alike[0].subject_id)} if len(alike) == 1 else {"count": len(alike)}
        who = {"caller_id": actor.id and str(actor.id), "kind": actor.kind}
        log.info("recorded", extra={"act": act, "outcome": outcome, **who, **about})
