"""Actions of reopening: renew a need after its expiry, and open a met need again of which less had arrived."""

import json
from collections.abc import Collection
from typing import cast
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import Problem
from contracts.needs import Reopening
from needs import following, lock
from needs.catalogue.actions import require_terms
from needs.charities.actions import require_charity
from needs.life import actions as life
from needs.life.period import period_days
from needs.life.rules import find_expiry
from needs.limits import actions as limits
from needs.model import Household, Need, NeedQuantities
from needs.quotas import actions as quotas
from needs.reopening import queries, rules
from needs.reopening.events import need_reopened
from needs.reopening.problems import posted_again
from needs.review.values import estimate_value
from needs.review_settings.queries import load_settings
from needs.rules import find_need_problem


def renew_need(session: Session, caller: Caller, need_id: UUID) -> Need:
    """Let a need begin another period, as its household or its agent: a published one, or for some time one that has expired.

    An expired need keeps its verification, and is judged as a new post otherwise: by the household, the item, the quota, the
    limits and the charity of now. Raises `household_left`, `posted_again`, `review_needed`, or the problem of a post that is not allowed.
    """
    quotas.lock_households(session, [need_id])
    need = lock.lock_need("renew_need", session, caller, need_id)
    if need.state == "published":
        return life.renew_need(session, caller, need)
    household = _lock_household(session, need)
    if problem := rules.find_household_problem(need, household):
        raise problem
    _require_as_new(session, caller, need, cast("Household", household))
    _reopen(session, need, "renewed", caller.id)
    return need


def reopen_unmet_needs(session: Session, needs: Collection[UUID]) -> None:
    """Open those of the needs again that were met, and of which less has arrived than was confirmed then.

    A need stays met when its household has left the register since, or no charity receives its money any more.
    """
    if not needs:
        return
    is_met = select(NeedQuantities.id).where(NeedQuantities.id == Need.id, NeedQuantities.delivered >= Need.quantity).exists()
    unmet = select(Need).where(Need.id.in_(needs), Need.state == "met", ~is_met).order_by(Need.id).with_for_update(of=Need)
    for need in session.scalars(unmet, execution_options={"populate_existing": True}).all():
        household = _lock_household(session, need)
        if rules.find_household_problem(need, household) or not _has_charity(session, need):
            continue
        _follow(need, cast("Household", household))
        _reopen(session, need, "not_received", None)


def _require_as_new(session: Session, caller: Caller, need: Need, household: Household) -> None:
    """Raise the problem that a post like this need would have now; take over the household's place and the terms of the item."""
    _follow(need, household)
    if problem := find_need_problem("renew_need", caller, need, {}):
        raise problem
    on_behalf = caller.id not in {household.account_id, household.id}
    asked = {
        "category": need.category,
        "quantity": need.quantity,
        "reason": need.reason,
        "specification": json.loads(need.specification or "{}"),
    }
    terms = require_terms(session, need.region, asked, of_institution=need.of_institution, size=household.size)
    need.terms = terms.kept(household.size)
    settings = load_settings(session, {need.region})[need.region]
    faulted = queries.was_faulted(session, need)
    if problem := rules.find_review_problem(need, estimate_value(need), settings.county_above, was_faulted=faulted):
        raise problem
    require_charity(session, need)
    limits.require_room_for_need(session, caller, household, on_behalf=on_behalf)
    quotas.require_quota(session, household, terms, need.quantity, besides=need.id)
    if repeat := queries.find_repeat(session, need):
        raise posted_again(members={"need_id": str(repeat)})


def _lock_household(session: Session, need: Need) -> Household | None:
    """Find the household of a need as it is now, and lock it: else it might move while the need opens at its former place."""
    household = following.find_present(session, need.household_id)
    if household is not None:
        session.refresh(household, with_for_update={"read": True})
    return household


def _has_charity(session: Session, need: Need) -> bool:
    """Name the charity of a need for money; tell whether the need has what it takes."""
    try:
        require_charity(session, need)
    except Problem:
        return False
    return True


def _follow(need: Need, household: Household) -> None:
    need.household_id, need.account_id, need.region = household.id, household.account_id, household.region


def _reopen(session: Session, need: Need, reason: Reopening, by: UUID | None) -> None:
    at = now()
    need.state, need.ended_at, need.ended_because, need.version = "published", None, None, need.version + 1
    need.expires_at = find_expiry(need, period_days(need), at)
    need.expiring_at = need.expiring_version = None
    need.reopened_at, need.reopened_by, need.reopened_because, need.reopened_version = at, by, reason, need.version
    session.flush()
    outbox.add(session, need_reopened(need))
