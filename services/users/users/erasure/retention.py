"""Retention: what the register no longer needs is erased, a limited number of each kind at a time; locked rows wait."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, text, update
from sqlalchemy.orm import Session

from chassis.data.audit_log import SERVICE, id_at
from chassis.data.database import now
from chassis.data.encryption import erase_values, holds_values
from chassis.data.personal_keys import personal_keys
from chassis.settings import RetentionSettings
from users.consents.model import Consent
from users.erasure.actions import AT_ONCE, erase_for_good
from users.handovers.model import Handover
from users.handovers.queries import is_open
from users.households.model import Household, HouseholdVersion, Member, Reveal, Transfer
from users.monitoring.model import Label
from users.reveals.model import PersonReveal
from users.self_reports.model import SelfReport
from users.visits.model import Help, Visit

EMPTIED_AT_ONCE = 1_000
WRITTEN: tuple[Any, ...] = (HouseholdVersion, Visit, Help, Reveal, PersonReveal)
"""Texts and former values that count from the day on which they were written; their ids tell it."""
# Literal, so that PostgreSQL recognises the index.
_IS_SHOWN = text("households.ended_because IS DISTINCT FROM 'erased'")


def erase_old_register(session: Session) -> int:
    """Erase ended households, members who left, decided self-reports and old texts whose time is over; return the number of rows."""
    limit = now() - RetentionSettings.of_environment().texts
    erased = erase_ended_households(session, limit) + forget_former_members(session, limit) + empty_self_reports(session, limit)
    return erased + empty_texts(session, limit) + delete_withdrawn_consents(session, limit)


def erase_ended_households(session: Session, limit: datetime) -> int:
    """Erase households that ended before a moment, with their people; those with an open hand-over wait. `PersonErased` tells each."""
    in_handover = select(Handover.id).where(Handover.household_id == Household.id, is_open(now())).exists()
    old = select(Household).where(Household.ended_at < limit, _IS_SHOWN, ~in_handover).order_by(Household.ended_at).limit(AT_ONCE)
    households = session.scalars(old.with_for_update(skip_locked=True)).all()
    for household in households:
        # One that was merged into another of them is erased with that one.
        if household.ended_because != "erased":
            erase_for_good(session, SERVICE, None, household, "retention_over", "by_rule")
    return len(households)


def forget_former_members(session: Session, limit: datetime) -> int:
    """Empty members who left a household before a moment, and erase their keys. Their household may stand on."""
    old = select(Member.id).where(Member.left_at < limit, holds_values(Member)).order_by(Member.left_at)
    ids = _take(session, old, Member)
    if ids:
        personal_keys("users").erase(ids)
        erase_values(session, Member, Member.id.in_(ids))
        forgotten = update(Member).where(Member.id.in_(ids)).values(national_id_fingerprint=None)
        session.execute(forgotten, execution_options={"synchronize_session": False})
        asked = update(Transfer).where(Transfer.member_id.in_(ids))
        session.execute(asked.values(national_id_fingerprint=func.sha256(func.uuid_send(Transfer.id))))
    return len(ids)


def empty_self_reports(session: Session, limit: datetime) -> int:
    """Empty reports that were decided before a moment, or made before it and never decided, and erase their keys."""
    settled_at = func.coalesce(SelfReport.decided_at, SelfReport.reported_at)
    old = select(SelfReport.id).where(SelfReport.reported_at < limit, settled_at < limit, holds_values(SelfReport))
    ids = _take(session, old.order_by(SelfReport.reported_at), SelfReport)
    if ids:
        personal_keys("users").erase(ids)
        erase_values(session, SelfReport, SelfReport.id.in_(ids))
    return len(ids)


def empty_texts(session: Session, limit: datetime) -> int:
    """Empty notes, reasons and former values that were written before a moment, and notes of labels that ended before it."""
    emptied = 0
    for entity in WRITTEN:
        old = select(entity.id).where(entity.id < id_at(limit), holds_values(entity)).order_by(entity.id)
        ids = _take(session, old, entity)
        if entity is Help and ids:
            # Each visit has a key for what was given there.
            personal_keys("users").erase(session.scalars(select(Help.visit_id).where(Help.id.in_(ids)).distinct()).all())
        emptied += _empty(session, entity, ids)
    ended_on = func.coalesce(Label.exited_on, Label.risk_removed_on)
    return emptied + _empty(session, Label, _take(session, select(Label.id).where(ended_on < limit.date(), holds_values(Label)), Label))


def delete_withdrawn_consents(session: Session, limit: datetime) -> int:
    """Delete consents that were withdrawn before a moment; the audit log keeps who recorded them."""
    ids = _take(session, select(Consent.id).where(Consent.withdrawn_at < limit).order_by(Consent.withdrawn_at), Consent)
    session.execute(delete(Consent).where(Consent.id.in_(ids)), execution_options={"synchronize_session": False})
    return len(ids)


def _take(session: Session, old: Select[Any], entity: Any) -> Sequence[UUID]:
    """Lock the next rows to erase; leave out those that another process has locked."""
    return session.scalars(old.limit(EMPTIED_AT_ONCE).with_for_update(skip_locked=True, of=entity)).all()


def _empty(session: Session, entity: Any, ids: Sequence[UUID]) -> int:
    if ids:
        erase_values(session, entity, entity.id.in_(ids))
    return len(ids)
