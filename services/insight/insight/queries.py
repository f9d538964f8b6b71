"""What insight can be asked: everybody's own notes, nobody else's."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.auth import Caller
from chassis.pages import page
from chassis.problems import not_found
from insight.model import Note


def own_notes(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    return page(session, select(Note).where(Note.author_id == caller.id), Note.id, **paging)


def own_note(session: Session, caller: Caller, note_id: UUID) -> Note:
    """Raises `not_found` for a note that is somebody else's."""
    note = session.get(Note, note_id)
    if note is None or note.author_id != caller.id:
        raise not_found()
    return note
