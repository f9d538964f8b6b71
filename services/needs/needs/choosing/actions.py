"""Offer again what came back of a match, and record what became of claims."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.k_anonymity import public_region
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import not_found
from contracts.matching import ClaimFailed, MatchAccepted
from needs import queries
from needs.catalogue import catalogue, has_best_before
from needs.choosing import rules
from needs.choosing.events import pledge_expiring
from needs.choosing.problems import nothing_came_back, unknown_need
from needs.model import Match, Need, Pledge

AT_ONCE = 500
COPIED = ("kind", "category", "unit", "region", "note", "best_before", "limit_per_household")


def check_change(pledge: Pledge) -> None:
    """Check the moments of a new or changed pledge; its validity ends in time for perishable goods. Raises the first problem."""
    at = now()
    needed_for = catalogue()[pledge.category] if has_best_before(pledge.category, pledge.unit, pledge.kind) else None
    for problem in (
        rules.find_choice_problem(pledge.choose_until, at),
        rules.find_best_before_problem(pledge.best_before, at, needed_for),
    ):
        if problem:
            raise problem
    pledge.valid_until = rules.limit_validity(pledge.valid_until, pledge.best_before)
    pledge.remind_at = rules.find_reminder(pledge.valid_until, pledge.best_before, at)


def check_choice(session: Session, pledge: Pledge) -> None:
    """Check a new pledge and the need that it is offered for; such a claim waits for matching. Raises the first problem."""
    check_change(pledge)
    if pledge.claims is None:
        return
    need = session.get(Need, pledge.claims)
    if need is None or need.state != "published" or need.hidden:
        raise unknown_need()
    shown = public_region(need.region, queries.find_townships(session, [need]))
    if problem := rules.find_fit_problem(need, pledge, shown):
        raise problem
    pledge.claim_state = "waiting"


def describe_returned(
    session: Session,
    caller: Caller,
    match_id: UUID,
    quantity: int | None,
    valid_until: datetime | None,
    best_before: datetime | None,
) -> dict[str, Any]:
    """Describe the pledge of what came back of a match of the caller's. The caller has been locked as a giver.

    Raises `not_found` for a match of somebody else's pledge, and `nothing_came_back`.
    """
    match = session.get(Match, match_id, populate_existing=True)
    former = session.get(Pledge, match.pledge_id) if match else None
    if match is None or former is None or former.pledger_id != caller.id:
        raise not_found()
    again = session.scalar(select(func.coalesce(func.sum(Pledge.quantity), 0)).where(Pledge.again_of == match_id))
    back = rules.count_came_back(match, former, int(again or 0), now())
    if back < (quantity or 1):
        raise nothing_came_back()
    ends = valid_until or (former.valid_until if former.valid_until > now() else now() + rules.RENEWED_FOR)
    copied = {name: getattr(former, name) for name in COPIED} | ({"best_before": best_before} if best_before else {})
    return copied | {"quantity": quantity or back, "valid_until": ends, "again_of": match_id}


def remind_givers(session: Session) -> int:
    """Remind the givers of perishable goods that their pledges soon end, once for each date; return their number."""
    due = select(Pledge).where(
        Pledge.remind_at <= now(), Pledge.valid_until > now(), ~Pledge.withdrawn, ~Pledge.expired, ~Pledge.used_up, ~Pledge.resting
    )
    pledges = session.scalars(due.order_by(Pledge.remind_at).limit(AT_ONCE).with_for_update(of=Pledge, skip_locked=True)).all()
    for pledge in pledges:
        pledge.remind_at, pledge.reminded_at, pledge.reminded_version = None, now(), pledge.version
    session.flush()
    outbox.add(session, *map(pledge_expiring, pledges))
    return len(pledges)


def record_claims(session: Session, accepted: Sequence[MatchAccepted]) -> None:
    """Note that pledges got the need that they were offered for."""
    _decide(session, {event.pledge_id: None for event in accepted if event.chosen == "claim"}, "accepted")


def record_failed_claims(session: Session, events: Sequence[ClaimFailed]) -> None:
    """Note that pledges did not get the need that they were offered for, and why."""
    _decide(session, {event.pledge_id: event.reason for event in events}, "failed")


def _decide(session: Session, reasons: dict[UUID, Any], state: str) -> None:
    if not reasons:
        return
    waiting = select(Pledge.id).where(Pledge.id.in_(reasons), Pledge.claim_state == "waiting").order_by(Pledge.id).with_for_update()
    for pledge_id in session.scalars(waiting).all():
        decided = update(Pledge).where(Pledge.id == pledge_id).values(claim_state=state, claim_problem=reasons[pledge_id])
        session.execute(decided, execution_options={"synchronize_session": False})
