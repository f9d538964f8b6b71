"""Households that were merged into others: what they were given counts for the household to which they belong now."""

from collections.abc import Sequence

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.users import HouseholdEnded
from matching.book.model import MergedHousehold

# One at a time: two merges of a chain that meet would not see each other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('matching.merged_households'))")


def record_merges(session: Session, events: Sequence[HouseholdEnded]) -> None:
    """Record which households were merged into which, in any order; those that ended for another reason are left out."""
    merged = [(event.household_id, event.merged_into) for event in events if event.merged_into]
    if merged:
        session.execute(_LOCK)
    for household_id, into in merged:
        further = select(MergedHousehold.present_id).where(MergedHousehold.household_id == into)
        present_id = session.scalar(further) or into
        session.execute(insert(MergedHousehold).values(household_id=household_id, present_id=present_id).on_conflict_do_nothing())
        followed = update(MergedHousehold).where(MergedHousehold.present_id == household_id).values(present_id=present_id)
        session.execute(followed, execution_options={"synchronize_session": False})


def as_one(household: str) -> str:
    """SQL of a lateral subquery: the `id` of a household and of all that were merged into it."""
    return f"(SELECT {household} AS id UNION ALL SELECT household_id FROM merged_households WHERE present_id = {household})"
