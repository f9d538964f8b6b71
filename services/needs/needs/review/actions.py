"""Actions of the review: let a need wait, verify, return, reject, amend; remind of what is due and tell what is overdue."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import Problem, not_found
from chassis.working_days import deadline_after
from contracts.event import Event
from needs import events, following, lock, queries
from needs.catalogue.actions import require_quantity, require_terms
from needs.charities.actions import require_charity
from needs.consents import actions as consents
from needs.duplicates import actions as duplicates
from needs.hall.words import words_of
from needs.life.period import period_days
from needs.life.rules import find_expiry
from needs.model import Household, Need
from needs.photos.queries import find_consent_problem
from needs.quotas import actions as quotas
from needs.review import rules
from needs.review.model import Decision
from needs.review.rules import Decided
from needs.review.values import estimate_value
from needs.review_settings.queries import load_settings
from needs.rules import WAITING, find_need_problem, find_quantity_problem, view_of
from needs.samples import actions as samples
from needs.samples.rules import weigh

OPERATIONS = {"verify": "verify_need", "return": "return_need", "reject": "reject_need"}
TOLD_AT_ONCE = 500
Outcome = tuple[Need | None, Problem | None]
"""A need that a decision is about, as far as the caller may see it, and the problem that kept it from being carried out."""


def open_review(session: Session, need: Need) -> None:
    """Store a need that waits to be verified from now on, and tell those who may."""
    need.version = (need.version or 0) + 1
    need.state, need.due_at, need.stage_version = "posted", rules.find_due("posted", now()), need.version
    need.reminded_version = need.overdue_version = None
    session.add(need)
    session.flush()
    outbox.add(session, events.need_posted(need))


def verify_need(session: Session, caller: Caller, need_id: UUID, story: str | None = None, quantity: int | None = None) -> Need:
    """Publish a need, or confirm it for the county if its value is above the threshold. A story replaces the one of before.

    A quantity settles an unknown one.
    """
    return _decide_one(session, caller, Decided(need_id, "verify", story=story, quantity=quantity))


def return_need(session: Session, caller: Caller, need_id: UUID, reason: str, note: str | None = None) -> Need:
    """Return a need to its poster for a reason."""
    return _decide_one(session, caller, Decided(need_id, "return", reason=reason, note=note))


def reject_need(session: Session, caller: Caller, need_id: UUID, reason: str) -> Need:
    """Reject a need for a reason."""
    return _decide_one(session, caller, Decided(need_id, "reject", reason=reason))


def decide_needs(session: Session, caller: Caller, wanted: Sequence[Decided]) -> list[Outcome]:
    """Carry out many decisions, each judged by itself; a decision that the caller has made already counts as carried out.

    Raises `not_found` if the caller may see none of the needs.
    """
    ids = {decided.need_id for decided in wanted}
    quotas.lock_households(session, [decided.need_id for decided in wanted if decided.quantity])
    locked = select(Need).where(Need.id.in_(ids)).order_by(Need.id).with_for_update(of=Need)
    needs = {need.id: need for need in session.scalars(locked) if view_of(caller, need) != "public"}
    if not needs:
        raise not_found()
    managers = queries.find_township_managers(session, caller, needs.values())
    chosen: dict[UUID, Decided] = {}
    outcomes: list[Outcome] = []
    for decided in wanted:
        need = needs.get(decided.need_id)
        if need is None:
            outcomes.append((None, not_found()))
        elif rules.is_repeat(decided, caller.id, need):
            outcomes.append((need, None))
        else:
            act = OPERATIONS[decided.act]
            problem = find_need_problem(act, caller, need, managers) or _find_publication_problem(session, need, decided)
            if problem is None:
                chosen[need.id] = decided
                # The next decision counts it in the quota of the same household.
                need.quantity = decided.quantity or need.quantity
            outcomes.append((need, problem))
    _carry_out(session, caller, [(needs[need_id], decided) for need_id, decided in chosen.items()])
    return outcomes


def amend_need(session: Session, caller: Caller, need_id: UUID, wanted: Mapping[str, Any]) -> Need:
    """Change a need that waits or was returned, as its household or its poster. A returned one is posted again."""
    quotas.lock_households(session, [need_id])
    need = lock.lock_need("amend_need", session, caller, need_id)
    if problem := rules.find_story_problem(wanted.get("story")):
        raise problem
    specification = None if "category" in wanted else json.loads(need.specification or "{}")
    asked: dict[str, Any] = {
        "category": need.category,
        "quantity": need.quantity,
        "reason": need.reason,
        "specification": specification,
        **wanted,
    }
    household = session.get(Household, need.household_id)
    size = household.size if household else None
    terms = require_terms(session, need.region, asked, of_institution=need.of_institution, size=size)
    quotas.require_quota(session, household, terms, asked["quantity"], besides=need.id)
    consents.drop_consent(session, need.id)
    for name, value in asked.items():
        setattr(need, name, value)
    need.specification = json.dumps(asked["specification"], ensure_ascii=False) if asked["specification"] else None
    need.unit, need.terms = cast("str", terms.item.unit), terms.kept(size)
    if need.state == "returned":
        need.returned_because = need.return_note = None
        open_review(session, need)
    else:
        need.version += 1
        need.stage_version = need.version
        session.flush()
        outbox.add(session, events.need_posted(need))
    duplicates.relink_need(session, need)
    return need


def remind_reviewers(session: Session) -> int:
    """Remind of needs whose time ends with the next working day; return their number. Locked ones come next time."""
    at = now()
    soon = deadline_after(at, rules.REMINDED_BEFORE).at
    due = Need.due_at.between(at, soon) & Need.reminded_version.is_(None)
    return _tell(session, due, "reminded", events.review_reminded)


def tell_overdue(session: Session) -> int:
    """Tell of needs whose time is over, once for each step; return their number. Locked ones come next time."""
    return _tell(session, (Need.due_at <= now()) & Need.overdue_version.is_(None), "overdue", events.review_overdue)


def _tell(session: Session, condition: Any, name: str, make: Callable[[Need], Event]) -> int:
    due = select(Need).where(Need.state.in_(WAITING), condition).order_by(Need.due_at).limit(TOLD_AT_ONCE)
    needs = session.scalars(due.with_for_update(of=Need, skip_locked=True)).all()
    for need in needs:
        need.version += 1
        setattr(need, f"{name}_version", need.version)
        setattr(need, f"{name}_at", now())
        outbox.add(session, make(need))
    session.flush()
    return len(needs)


def _decide_one(session: Session, caller: Caller, decided: Decided) -> Need:
    if decided.quantity:
        quotas.lock_households(session, [decided.need_id])
    need = lock.lock_need(OPERATIONS[decided.act], session, caller, decided.need_id)
    if problem := _find_publication_problem(session, need, decided):
        raise problem
    _carry_out(session, caller, [(need, decided)])
    return need


def _find_publication_problem(session: Session, need: Need, decided: Decided) -> Problem | None:
    """Return why a need may not be published as it is, or None: story, quantity, a slip without photo, or money without a charity."""
    if decided.act != "verify":
        return None
    if problem := rules.find_story_problem(decided.story):
        return problem
    if problem := find_quantity_problem(need, decided.quantity) or find_consent_problem(session, need):
        return problem
    try:
        if decided.quantity:
            household = session.get(Household, need.household_id)
            if terms := require_quantity(session, need, decided.quantity, household.size if household else None):
                quotas.require_quota(session, household, terms, decided.quantity, besides=need.id)
        require_charity(session, need)
    except Problem as problem:
        return problem
    return None


def _carry_out(session: Session, caller: Caller, chosen: Sequence[tuple[Need, Decided]]) -> None:
    """Carry out decisions about locked needs that the rules allow."""
    settings = load_settings(session, {need.region for need, _ in chosen})
    published: list[tuple[Need, int | None]] = []
    for need, decided in chosen:
        need.quantity = decided.quantity or need.quantity
        value = estimate_value(need)
        step = "county" if need.state == "confirmed" else "village"
        if decided.act == "verify":
            need.story = decided.story or need.story
            if rules.needs_county(need.state, value, settings[need.region].county_above):
                _confirm(session, caller, need)
            else:
                _publish(session, caller, need)
                published.append((need, value))
        elif decided.act == "return":
            _return(session, caller, need, decided)
        else:
            _reject(session, caller, need, decided)
        verdict = {"published": "verified"}.get(need.state, need.state)
        stated = {"step": step, "verdict": verdict, "reason": decided.reason, "value": weigh(value)}
        session.add(Decision(need_id=need.id, region=need.region, reviewer_id=caller.id, **stated))
    if published:
        samples.draw_samples(session, published, settings)
    session.flush()


def _publish(session: Session, caller: Caller, need: Need) -> None:
    need.state, need.verifier_id, need.published_at = "published", caller.id, now()
    need.expires_at = find_expiry(need, period_days(need), now())
    need.version += 1
    need.published_version = need.version
    need.words = words_of(need)
    outbox.add(session, events.need_published(need))


def _confirm(session: Session, caller: Caller, need: Need) -> None:
    """Let the need wait for the county."""
    need.version += 1
    need.state, need.due_at, need.stage_version = "confirmed", rules.find_due("confirmed", now()), need.version
    need.confirmed_by, need.confirmed_at = caller.id, now()
    need.reminded_version = need.overdue_version = None
    outbox.add(session, events.need_confirmed(need))


def _return(session: Session, caller: Caller, need: Need, decided: Decided) -> None:
    need.version += 1
    need.state, need.stage_version = "returned", need.version
    need.returned_because, need.return_note = decided.reason, decided.note
    need.returned_by, need.returned_at = caller.id, now()
    need.confirmed_by = need.confirmed_at = need.reminded_version = need.overdue_version = None
    outbox.add(session, events.need_returned(need))


def _reject(session: Session, caller: Caller, need: Need, decided: Decided) -> None:
    following.end_need(need, "rejected", decided.reason)
    need.verifier_id = caller.id
    outbox.add(session, events.need_rejected(need))
