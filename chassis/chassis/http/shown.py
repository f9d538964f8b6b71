"""Others' data that an answer shows. The guard of routes records each in the audit log, under the name of the operation."""

from collections.abc import Collection
from uuid import UUID

from flask import has_request_context, request
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.http.auth import Caller

READS = frozenset({"GET", "HEAD"})
_SHOWN = "shown"
Shown = dict[tuple[str, UUID], tuple[str, Collection[UUID]]]


def note_shown(
    caller: Caller | None, subject: str, subject_id: UUID, *, people: Collection[UUID | None], region: str, masked: bool = False
) -> None:
    """Note that the answer shows a thing and the data of `people`; call it where the answer is made from the row.

    The guard records one entry for each of the people: the operation, the thing, the person and the region. It records nothing for guests,
    and nothing when the caller is one of the people. A masked thing is recorded when the operation changes it, and not when it reads it.
    """
    whose = {person for person in people if person is not None}
    if caller is None or caller.id in whose or not has_request_context() or (masked and request.method in READS):
        return
    shown: Shown = caller.session.info.setdefault(_SHOWN, {})
    shown[subject, subject_id] = (region, sorted(whose))


def record_shown(session: Session, caller: Caller | None, act: str) -> None:
    """Record what the answer to this operation shows; the guard of routes calls it."""
    shown: Shown = session.info.pop(_SHOWN, {})
    if caller is not None and shown:
        audit_log.record(
            session,
            caller,
            *(
                Entry(act=act, subject=subject, subject_id=subject_id, person_id=person, region=region)
                for (subject, subject_id), (region, people) in shown.items()
                for person in people or (None,)
            ),
        )
