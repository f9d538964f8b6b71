"""Registering institutions, correcting them, ending them. Every change is a version."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions as preconditions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from users.institutions import events, queries, rules
from users.institutions.model import Institution, InstitutionVersion
from users.regions.rules import find_region_problem
from users.unique import insert_unique

STATED = ("kind", "name", "uscc", "region", "address", "telephone")


def register_institution(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Institution:
    """Register an institution in a region that the caller manages. Raises `uscc_registered` for a code that stands already."""
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    institution = Institution(
        id=new_id(), version=1, registered_by=caller.id, changed_by=caller.id, **{name: wanted.get(name) for name in STATED}
    )
    insert_unique(session, institution)
    _note(session, institution, "register_institution", caller.id, None, {})
    outbox.add(session, events.institution_registered(institution))
    return institution


def edit_institution(session: Session, caller: Caller, institution_id: UUID, wanted: Mapping[str, Any]) -> Institution:
    """Correct an institution or note where it moved, within the caller's regions. Values that are the same change nothing."""
    institution = _lock(session, caller, institution_id)
    if "region" in wanted and (problem := find_region_problem(caller, wanted["region"])):
        raise problem
    changed = {
        name: [getattr(institution, name), wanted[name]] for name in STATED if name in wanted and wanted[name] != getattr(institution, name)
    }
    if not changed:
        return institution
    for name, (_, value) in changed.items():
        setattr(institution, name, value)
    institution.changed_by, institution.changed_at = caller.id, now()
    institution.version += 1
    insert_unique(session, institution)
    _note(session, institution, "edit_institution", caller.id, wanted.get("reason"), changed)
    outbox.add(session, events.institution_registered(institution))
    return institution


def end_institution(session: Session, caller: Caller, institution_id: UUID, reason: str) -> Institution:
    """Take an institution out of the register for a reason."""
    institution = _lock(session, caller, institution_id)
    institution.ended_by, institution.ended_at, institution.ended_because = caller.id, now(), reason
    institution.version += 1
    session.flush()
    _note(session, institution, "end_institution", caller.id, reason, {})
    outbox.add(session, events.institution_ended(institution))
    return institution


def _lock(session: Session, caller: Caller, institution_id: UUID) -> Institution:
    institution = queries.get_institution(session, caller, institution_id, lock=True)
    preconditions.check_if_match(session, institution)
    if problem := rules.find_institution_problem(caller, institution):
        raise problem
    return institution


def _note(session: Session, institution: Institution, act: str, by: UUID, reason: str | None, changed: Mapping[str, Any]) -> None:
    session.add(
        InstitutionVersion(
            id=new_id(),
            institution_id=institution.id,
            version=institution.version,
            act=act,
            reason=reason,
            changed_by=by,
            changed_at=now(),
            changed=dict(changed),
        )
    )
    session.flush()
