"""Keep needs within the quota of their household. Two needs of one household are judged one after the other."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from needs.catalogue.rules import Terms
from needs.limits.actions import lock_person
from needs.model import Household, Need
from needs.quotas.queries import load_quota
from needs.quotas.rules import find_quota_problem


def lock_households(session: Session, need_ids: Collection[UUID]) -> None:
    """Let one transaction at a time judge what the households of these needs ask for. The needs are locked afterwards."""
    for household_id in session.scalars(
        select(Need.household_id).where(Need.id.in_(need_ids)).distinct().order_by(Need.household_id)
    ).all():
        lock_person(session, household_id)


def require_quota(session: Session, household: Household | None, terms: Terms, quantity: int, besides: UUID | None = None) -> None:
    """Raise `above_quota` for a quantity that a household, if it is known, may not ask for. The caller has locked the household.

    An open need that is judged again does not count itself: it is `besides`.
    """
    quota = load_quota(session, household, terms, besides) if household else None
    problem = find_quota_problem(terms, quota, quantity) if quota else None
    if problem:
        raise problem
