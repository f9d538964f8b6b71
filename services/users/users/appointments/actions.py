"""Offering appointments, answering them, ending them.

Ending an appointment concerns those that its holder made. So it takes turns with naming and confirming (`take_turn`): nobody appoints
others while their own appointment is being ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from chassis.data import appointments
from chassis.data.appointments import regions_of
from chassis.data.audit_log import SERVICE
from chassis.data.database import new_id, now
from chassis.data.encryption import fingerprint
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import not_found
from users.accounts.model import Account
from users.appointments import queries, rules
from users.appointments.days import today
from users.appointments.events import appointed, appointment_offered, dismissed
from users.appointments.model import Appointment
from users.problems import unknown_administrator
from users.regions.rules import find_region_problem
from users.sessions.actions import end_all_sessions
from users.unique import insert_unique

MOST_AT_ONCE = 500
"""The most appointments that one transaction begins or ends. A timer goes on with the others."""
_TURN = 0x6170706F696E7473
PROVEN_STAFF = (Account.kind == "staff", Account.state == "active", Account.proven_at.is_not(None))
"""The accounts that may get an office."""
# The appointments that fall with one that was abused: those that its holder answers for inside its region, and so on below them.
_FALLING = text(
    """
    WITH RECURSIVE falling AS (
        SELECT id, account_id, region FROM appointment_records WHERE id = :id
        UNION
        SELECT below.id, below.account_id, below.region FROM falling
        JOIN appointment_records below ON below.answerable_to = falling.account_id AND below.dismissed_at IS NULL
            AND below.region BETWEEN falling.region AND falling.region || '~'
    )
    SELECT id FROM falling WHERE id <> :id LIMIT :most
    """
)
# What fell with an abuse and stands still, because there was too much of it for one transaction.
_LEFT_OVER = text(
    """
    SELECT below.id, above.dismissed_by FROM appointment_records above
    JOIN appointment_records below ON below.answerable_to = above.account_id AND below.dismissed_at IS NULL
        AND below.region BETWEEN above.region AND above.region || '~' AND below.appointed_at < above.dismissed_at
    WHERE above.reason = 'abuse' AND above.dismissed_at > now() - interval '7 days'
    LIMIT :most
    """
)
_PASS_ON = text(
    """
    UPDATE appointment_records SET answerable_to = CASE WHEN account_id = :heir THEN :above ELSE :heir END, version = version + 1
    WHERE answerable_to = :holder AND dismissed_at IS NULL AND confirmed_at IS NOT NULL AND region BETWEEN :region AND :region || '~'
    """
)


@dataclass(frozen=True)
class Timer:
    """The timer as an actor, in the name of whoever set the end: appointments state a person who ended them."""

    id: UUID
    kind: str = SERVICE.kind


@dataclass(frozen=True)
class Dismissal:
    """An appointment that ended, and what its holder had appointed: passed on to whoever ended it, or ended with it."""

    appointment: Appointment
    appointees: Sequence[Appointment] = field(default_factory=list)


def appoint_administrator(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Appointment:
    """Offer a staff account with a proven phone an office in a region that the caller manages, or in a part of it."""
    take_turn(session)
    # A copy reads the caller's regions anew, now that nobody ends them.
    caller = replace(caller)
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    account = _find_staff_account(session, wanted)
    is_appointer = queries.is_appointer_of(session, account.id, caller.id)
    others = regions_of(session, account.id)
    if problem := rules.find_appointing_problem(caller, account.id, wanted["region"], others, is_appointer):
        raise problem
    appointment = Appointment(
        id=new_id(),
        account=account,
        role=wanted["role"],
        region=wanted["region"],
        appointed_by=caller.id,
        answerable_to=caller.id,
        valid_from=wanted.get("valid_from"),
        valid_until=wanted.get("valid_until"),
        confirmed_at=None,
        began_at=None,
        published_version=None,
    )
    insert_unique(session, appointment)
    outbox.add(session, appointment_offered(appointment))
    return appointment


def confirm_appointment(session: Session, caller: Caller, appointment_id: UUID) -> Appointment:
    """Accept an offer, as its holder. It counts from now on, or from its first valid day."""
    take_turn(session)
    appointment = _lock_answerable(session, caller, appointment_id)
    appointment.confirmed_at = now()
    appointment.version += 1
    if appointment.valid_from is None or appointment.valid_from <= today():
        _begin(session, [appointment])
    session.flush()
    return appointment


def refuse_appointment(session: Session, caller: Caller, appointment_id: UUID) -> Appointment:
    """Decline an offer, as its holder."""
    take_turn(session)
    appointment = _lock_answerable(session, caller, appointment_id)
    _end(session, [appointment], caller, "refused")
    return appointment


def appoint(session: Session, account: Account, region: str, appointed_by: UUID | None) -> Appointment:
    """Write an appointment of an operator's command and publish it; it counts as confirmed. Raises `already_appointed`."""
    appointment = new_appointment(account, region, appointed_by)
    insert_unique(session, appointment)
    publish_appointments(session, [appointment])
    return appointment


def new_appointment(account: Account, region: str, appointed_by: UUID | None) -> Appointment:
    """Make the row of an administrator who counts as confirmed. It is not written yet."""
    at = now()
    return Appointment(
        id=new_id(),
        account=account,
        region=region,
        appointed_by=appointed_by,
        answerable_to=appointed_by,
        appointed_at=at,
        confirmed_at=at,
        began_at=at,
        published_version=1,
    )


def publish_appointments(session: Session, written: Sequence[Appointment]) -> None:
    """Add the events of appointments that began to the outbox; this service goes by them at once."""
    events = [appointed(appointment) for appointment in written]
    appointments.record(session, events)
    outbox.add(session, *events)


def dismiss_administrator(session: Session, caller: Caller, appointment_id: UUID, reason: str = "other") -> Dismissal:
    """End an appointment or an offer: as a manager of a wider region, as whoever answers for it, or as its holder.

    What its holder appointed inside its region passes to the caller, or when its holder resigns to whoever answered for them. Offers that
    wait there end. With the reason `abuse` everything that they appointed ends too, and so on below.
    """
    take_turn(session, alone=True)
    appointment = session.get(Appointment, appointment_id, with_for_update={"of": Appointment})
    caller = replace(caller)
    if appointment is None or not rules.can_see_appointment(caller, appointment):
        raise not_found()
    versions.check_if_match(session, appointment)
    if problem := rules.find_dismissal_problem(caller, appointment, reason):
        raise problem
    if reason == "abuse":
        falling = _lock_in_order(session, list(session.scalars(_FALLING, {"id": appointment.id, "most": MOST_AT_ONCE})))
        _end(session, [appointment, *falling], caller, reason)
        return Dismissal(appointment, falling)
    heir = appointment.answerable_to if caller.id == appointment.account_id else caller.id
    appointees = _pass_on(session, appointment, caller, heir)
    _end(session, [appointment], caller, reason)
    return Dismissal(appointment, appointees)


def begin_due(session: Session) -> int:
    """Begin confirmed appointments whose first valid day has come; return their number."""
    due = select(Appointment).where(queries.IN_STATE["confirmed"], Appointment.valid_from <= today())
    found = session.scalars(due.order_by(Appointment.id).limit(MOST_AT_ONCE).with_for_update(of=Appointment, skip_locked=True)).all()
    for appointment in found:
        appointment.version += 1
    _begin(session, found)
    return len(found)


def end_due(session: Session) -> int:
    """End appointments whose last valid day is over, offers that nobody answered, and what is left of abused ones; return their number."""
    over = queries.STANDING & (Appointment.valid_until < today())
    unanswered = queries.IN_STATE["offered"] & (Appointment.appointed_at <= now() - rules.OFFER_LASTS)
    ended = 0
    for due, reason in ((over, "expired"), (unanswered, "lapsed")):
        ids = list(session.scalars(select(Appointment.id).where(due).order_by(Appointment.id).limit(MOST_AT_ONCE)))
        if ids:
            take_turn(session, alone=True)
            for appointment in _lock_in_order(session, ids, due):
                timer = Timer(appointment.appointed_by or appointment.account_id)
                _pass_on(session, appointment, timer, appointment.answerable_to)
                _end(session, [appointment], timer, reason)
                ended += 1
    if left_over := {row.id: row.dismissed_by for row in session.execute(_LEFT_OVER, {"most": MOST_AT_ONCE})}:
        take_turn(session, alone=True)
        for appointment in _lock_in_order(session, list(left_over)):
            _end(session, [appointment], Timer(left_over[appointment.id]), "abuse")
            ended += 1
    return ended


def take_turn(session: Session, *, alone: bool = False) -> None:
    """Wait until nobody ends appointments, or until nobody names or ends any, and keep it so for the rest of the transaction."""
    session.execute(select(func.pg_advisory_xact_lock(_TURN) if alone else func.pg_advisory_xact_lock_shared(_TURN)))


def _lock_answerable(session: Session, caller: Caller, appointment_id: UUID) -> Appointment:
    """Lock an offer that the caller may answer. Raises `not_found`, `stale`, `not_allowed` or `state_conflict`."""
    appointment = session.get(Appointment, appointment_id, with_for_update={"of": Appointment})
    if appointment is None or not rules.can_see_appointment(caller, appointment):
        raise not_found()
    versions.check_if_match(session, appointment)
    if problem := rules.find_answer_problem(caller, appointment, now(), today()):
        raise problem
    return appointment


def _begin(session: Session, found: Sequence[Appointment]) -> None:
    for appointment in found:
        appointment.began_at, appointment.published_version = now(), appointment.version
    session.flush()
    publish_appointments(session, found)


def _end(session: Session, found: Sequence[Appointment], actor: Caller | Timer, reason: str) -> None:
    """End appointments that stand; those that had begun are published as dismissals.

    Whoever lost their last office through somebody else has to sign in again.
    """
    for appointment in found:
        appointment.dismissed_by, appointment.dismissed_at, appointment.reason = actor.id, now(), reason
        appointment.version += 1
    session.flush()
    events = [dismissed(appointment) for appointment in found if appointment.began_at]
    appointments.record(session, events)
    outbox.add(session, *events)
    for appointment in found:
        if appointment.began_at and actor.id != appointment.account_id and not queries.holds_office(session, appointment.account_id):
            end_all_sessions(session, appointment.account, "dismissed", actor=actor)


def _pass_on(session: Session, appointment: Appointment, actor: Caller | Timer, heir: UUID | None) -> Sequence[Appointment]:
    """Let the heir answer for what the holder appointed inside this region; end the offers that wait there. Return the first of both."""
    theirs = Appointment.answerable_to == appointment.account_id
    inside = Appointment.region.between(appointment.region, appointment.region + "~")
    made = select(Appointment).where(theirs, inside, queries.STANDING)
    offers = session.scalars(made.where(queries.IN_STATE["offered"]).order_by(Appointment.id)).all()
    _end(session, offers, actor, "lapsed")
    stated = {"holder": appointment.account_id, "region": appointment.region, "heir": heir, "above": appointment.answerable_to}
    passing = list(session.scalars(made.with_only_columns(Appointment.id).order_by(Appointment.id).limit(MOST_AT_ONCE)))
    session.execute(_PASS_ON, stated)
    return [*offers, *_load(session, passing)]


def _load(session: Session, ids: Sequence[UUID]) -> Sequence[Appointment]:
    return session.scalars(
        select(Appointment).where(Appointment.id.in_(ids)).order_by(Appointment.id).execution_options(populate_existing=True)
    ).all()


def _lock_in_order(session: Session, ids: Sequence[UUID], still: ColumnElement[bool] = queries.STANDING) -> Sequence[Appointment]:
    """Lock the appointments among these that are `still` so, in the order of their ids."""
    found = select(Appointment).where(Appointment.id.in_(ids), still).order_by(Appointment.id)
    return session.scalars(found.with_for_update(of=Appointment).execution_options(populate_existing=True)).all()


def _find_staff_account(session: Session, wanted: Mapping[str, Any]) -> Account:
    named = Account.id == wanted["account_id"] if "account_id" in wanted else Account.phone_fingerprint == fingerprint(wanted["phone"])
    account = session.scalars(select(Account).where(named, *PROVEN_STAFF)).first()
    if account is None:
        raise unknown_administrator()
    return account


def end_all(session: Session, account: Account) -> None:
    """End all appointments and offers of an account that is closed, as if it had resigned from each."""
    held = select(Appointment.id).where(Appointment.account_id == account.id, queries.STANDING)
    if ids := list(session.scalars(held)):
        take_turn(session, alone=True)
        resigning = Timer(account.id)
        for appointment in _lock_in_order(session, ids):
            _pass_on(session, appointment, resigning, appointment.answerable_to)
            _end(session, [appointment], resigning, "other")
