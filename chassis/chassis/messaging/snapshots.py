"""Snapshots of a service's rows as events, for listeners that were added or restored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Column, Select, func, select
from sqlalchemy.orm import Session, defer, lazyload

from chassis.data.database import now
from chassis.data.encryption import Encrypted, EncryptedBytes
from contracts.event import Envelope, Event, name_of, producer_of

_RETOLD = UUID("5a0e7f0c-8f0b-5b6e-9a53-6d0f3c1f6a11")


@dataclass(frozen=True)
class Snapshot:
    """Events that describe the current rows of `entity` (keyed by `id`) that fulfil `where`; `build` makes the event of a row.

    Each event has the version it had when it was first published, so listeners that know it change nothing. A service lists its
    snapshots as `SNAPSHOTS` in `snapshots.py`, endings before beginnings: a new listener must not act on something that is over.
    An event that states a new field gets the next `edition`: inboxes that know the events of before take it once more.
    """

    event: type[Event]
    entity: Any
    build: Callable[[Any], Event]
    where: Any = True
    edition: int = 1

    def count(self, session: Session) -> int:
        """Count the rows."""
        return session.scalar(select(func.count()).select_from(self.entity).where(self.where)) or 0

    def page(self, session: Session, after: UUID | None, limit: int) -> list[tuple[UUID, Event]]:
        """Return the ids and events of at most `limit` rows after the id `after`. Encrypted and computed columns are not read."""
        unread = [defer(attribute) for attribute in _unread(self.entity)]
        query: Select[Any] = select(self.entity).where(self.where).order_by(self.entity.id).limit(limit)
        rows = session.scalars((query.where(self.entity.id > after) if after else query).options(lazyload("*"), *unread))
        return [(row.id, self.build(row)) for row in rows]


def envelope_for(event: Event, edition: int = 1) -> Envelope:
    """Make the envelope of a snapshot. Its id depends on event, subject, version and edition alone, so inboxes skip a second one."""
    name = name_of(type(event))
    stated = f"{name}/{event.subject}/{event.version}" + (f"/{edition}" if edition > 1 else "")
    return Envelope(
        id=uuid5(_RETOLD, stated),
        name=name,
        producer=producer_of(type(event)),
        subject=event.subject,
        recorded_at=now(),
    )


def _unread(entity: Any) -> list[Any]:
    encrypted = Encrypted | EncryptedBytes
    columns = {one.key: one.columns[0] for one in entity.__mapper__.column_attrs}
    return [getattr(entity, key) for key, one in columns.items() if isinstance(one.type, encrypted) or not isinstance(one, Column)]
