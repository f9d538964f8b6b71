"""What insight can do: one function a use case, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.auth import Caller
from contracts.needs import NeedClosed, NeedPublished, NeedWithdrawn
from insight.model import Need, Note
from insight.problems import unknown_need


def write_note(session: Session, caller: Caller, written: Mapping[str, Any]) -> Note:
    """Somebody writes about a need that is open."""
    need = session.get(Need, written["need_id"])
    if need is None or need.ended:
        raise unknown_need()
    note = Note(author_id=caller.id, **written)
    session.add(note)
    session.flush()
    return note


def note_needs(session: Session, events: Sequence[NeedPublished | NeedWithdrawn | NeedClosed]) -> None:
    """Keep how needs stand; an older version changes nothing, and a need whose end is heard first is known as ended."""
    newest = {event.need_id: event for event in sorted(events, key=lambda event: (event.need_id, event.version))}
    rows = insert(Need).values(
        [
            {
                "id": event.need_id,
                "version": event.version,
                "region": event.region,
                "category": event.category,
                "ended": not isinstance(event, NeedPublished),
            }
            for event in newest.values()
        ]
    )
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["id"],
            set_={"version": rows.excluded.version, "ended": rows.excluded.ended},
            where=Need.version < rows.excluded.version,
        )
    )
