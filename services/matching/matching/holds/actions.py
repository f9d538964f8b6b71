"""Open, release, use and expire holds. A need is locked before its holds change."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from matching.book.lock import lock_rows
from matching.book.model import Need
from matching.book.problems import unknown_need
from matching.book.release import release_quantities
from matching.holds import queries, rules
from matching.holds.model import Hold

EXPIRED_AT_ONCE = 500


def open_hold(session: Session, caller: Caller, need_id: UUID, quantity: int) -> Hold:
    """Hold units of a need for its chooser; another open hold of theirs ends. Raises `unknown_need`, `not_enough` or `too_many_holds`."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"hold {caller.id}", 0))))
    former, at = queries.find_open_hold(session, caller.id), now()
    lock_rows(session, Need, {need_id} | ({former.need_id} if former else set()))
    if former:
        _end_open_holds(session, [former.id], "released")
    need = session.get(Need, need_id, populate_existing=True)
    if need is None:
        raise unknown_need()
    if problem := rules.find_opening_problem(need, quantity, *queries.count_opened(session, caller.id, at), at):
        raise problem
    need.rest -= quantity
    hold = Hold(need_id=need.id, giver_id=caller.id, quantity=quantity, opened_at=at, expires_at=at + rules.LASTS, ended_at=None)
    session.add(hold)
    session.flush()
    return hold


def release_hold(session: Session, caller: Caller, hold_id: UUID) -> Hold:
    """Give the held units back, as their holder."""
    hold = queries.get_own_hold(session, caller, hold_id)
    lock_rows(session, Need, {hold.need_id})
    session.refresh(hold, with_for_update=True)
    versions.check_if_match(session, hold)
    if problem := rules.find_release_problem(hold, caller.id, now()):
        raise problem
    _end_open_holds(session, [hold.id], "released")
    session.refresh(hold)
    return hold


def use_hold(session: Session, giver_id: UUID, need: Need, offered_at: datetime) -> None:
    """Give the units that the giver holds of the locked need back to it, for a claim of theirs that follows in this transaction."""
    hold = queries.find_open_hold(session, giver_id)
    if hold is None or hold.need_id != need.id or not rules.is_in_force(hold, offered_at):
        return
    hold = session.get_one(Hold, hold.id, with_for_update=True, populate_existing=True)
    if hold.state == "open":
        hold.state, hold.version, hold.ended_at = "used", hold.version + 1, now()
        need.rest = 0 if need.ended else need.rest + hold.quantity
        session.flush()


def expire_holds(session: Session) -> int:
    """End the holds whose time is over and free their units; return their number."""
    over = now() - rules.KEPT_AFTER
    late = select(Hold.id, Hold.need_id).where(Hold.state == "open", Hold.expires_at <= over).order_by(Hold.expires_at)
    rows = session.execute(late.limit(EXPIRED_AT_ONCE)).all()
    if rows:
        lock_rows(session, Need, {row.need_id for row in rows})
        _end_open_holds(session, [row.id for row in rows], "expired")
    return len(rows)


def end_holds_of(session: Session, needs: Collection[UUID]) -> None:
    """End the open holds of these needs: their book was restored. The caller has locked the needs."""
    held = session.scalars(select(Hold.id).where(Hold.need_id.in_(needs), Hold.state == "open")).all()
    if held:
        _end_open_holds(session, held, "expired")


def _end_open_holds(session: Session, ids: Collection[UUID], state: str) -> None:
    """End those of the holds that are still open, and free their units. The caller has locked their needs."""
    ended = (
        update(Hold)
        .where(Hold.id.in_(ids), Hold.state == "open")
        .values(state=state, version=Hold.version + 1, ended_at=now())
        .returning(Hold.need_id, Hold.quantity)
    )
    freed = Counter[UUID]()
    for need_id, quantity in session.execute(ended, execution_options={"synchronize_session": False}).all():
        freed[need_id] += quantity
    release_quantities(session, "need", freed)
