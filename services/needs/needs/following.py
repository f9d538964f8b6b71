"""Open needs follow their households: to another village, to the household of a merge, to an account; or they end with them."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from needs.events import need_confirmed, need_moved, need_posted, need_withdrawn
from needs.model import Household, Need
from needs.rules import OPEN, WAITING

HOUSEHOLD_ENDED = "household_ended"
LONGEST_CHAIN = 10
"""The most merges, one after the other, that a need follows at once."""


def follow_households(session: Session, ids: Collection[UUID]) -> None:
    """Let the open needs of these households go where the households are now, and withdraw those of households that ended."""
    merged = session.scalars(select(Household.id).where(Household.merged_into.in_(ids))).all()
    needs = select(Need).where(Need.household_id.in_({*ids, *merged}), Need.state.in_(OPEN)).order_by(Need.id).with_for_update(of=Need)
    for need in session.scalars(needs, execution_options={"populate_existing": True}).all():
        household = find_present(session, need.household_id)
        if household is None:
            continue
        if household.ended and household.merged_into is None:
            _withdraw(session, need, household)
        elif (need.household_id, need.account_id, need.region) != (household.id, household.account_id, household.region):
            _move(session, need, household)
    session.flush()


def end_need(need: Need, state: str, reason: str | None) -> None:
    """End a need in a state, for a reason."""
    need.state, need.ended_because, need.ended_at = state, reason, now()
    need.version += 1


def find_present(session: Session, household_id: UUID) -> Household | None:
    """Find the household that a need belongs to now: itself, or the one at the end of its merges. None until that one is known."""
    wanted: UUID | None = household_id
    for _ in range(LONGEST_CHAIN):
        household = session.get(Household, wanted, populate_existing=True)
        if household is None or household.merged_into is None:
            return household
        wanted = household.merged_into
    return None


def _withdraw(session: Session, need: Need, household: Household) -> None:
    end_need(need, "withdrawn", HOUSEHOLD_ENDED)
    need.withdrawn_by = household.ended_by
    outbox.add(session, need_withdrawn(need))


def _move(session: Session, need: Need, household: Household) -> None:
    """Move a need. Its event goes out once it is published; while it waits, the administrators of the new place are told of it."""
    need.household_id, need.account_id, need.region = household.id, household.account_id, household.region
    need.version += 1
    if need.state in WAITING:
        need.stage_version = need.version
        need.reminded_version = need.overdue_version = None
        outbox.add(session, need_posted(need) if need.state == "posted" else need_confirmed(need))
    if need.state == "published":
        need.moved_version, need.moved_at = need.version, now()
        outbox.add(session, need_moved(need))
