"""Learn from why a proposal was refused, for this one pledge, until its pledger takes that back or changes the pledge.

`too_far`: not again to needs of that county; of a pledge for one county, of that township; for one township, of that village.
`does_not_fit`: not again for that item, where the pledge is for a group of items. `out_of_stock`, `changed_my_mind`: the pledge rests,
whatever else is proposed of it lapses. Any other reason bars the pair alone.
"""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import not_found, state_conflict
from matching.book import clearing_queue
from matching.book.events import pledge_released, sum_promised
from matching.book.model import Match, Pledge
from matching.book.release import find_matches, lapse_proposals
from matching.refusals.conditions import find_excluded_area
from matching.refusals.model import RefusalRule

PAUSING_REASONS = ("out_of_stock", "changed_my_mind")


def add_rule_from_refusal(session: Session, match: Match) -> None:
    """What the refusal of this match says about its pledge, whose row is locked; for one that rests, all that is proposed of it too."""
    pledge = session.get_one(Pledge, match.pledge_id, populate_existing=True)
    reason = str(match.ended_because)
    region: str | None = ""
    category = ""
    if reason in PAUSING_REASONS:
        region = None
    elif reason == "too_far" and (area := find_excluded_area(match.region, pledge.scope)):
        region = area
    elif reason == "does_not_fit" and match.category != pledge.category:
        category = match.category
    else:
        return
    about = {"pledge_id": pledge.id, "pledger_id": pledge.pledger_id, "match_id": match.id}
    session.add(RefusalRule(**about, reason=reason, region=region, category=category, learnt_at=now()))
    session.flush()
    _bear(session, pledge)
    if region is None:
        _rest(session, pledge)


def withdraw_rule(session: Session, caller: Caller, lesson_id: UUID) -> RefusalRule:
    """The pledger takes back what was learnt from their refusal. Raises `not_found`, `stale`, `state_conflict` when it was before."""
    lesson = find_own_rule(session, caller, lesson_id)
    # The pledge before the lesson, as a change of the pledge does.
    pledge = session.get_one(Pledge, lesson.pledge_id, with_for_update=True, populate_existing=True)
    session.refresh(lesson, with_for_update=True)
    versions.check_if_match(session, lesson)
    if lesson.forgotten_at is not None:
        raise state_conflict(state="forgotten")
    lesson.version, lesson.forgotten_at = lesson.version + 1, now()
    session.flush()
    _bear(session, pledge)
    if lesson.region is None and pledge.paused and not _rests(session, pledge):
        pledge.ended = pledge.paused = False
        pledge.rest = pledge.quantity - sum_promised(session, pledge.id)
        publish_release(session, pledge)
    if not pledge.ended:
        clearing_queue.add(session, "pledge", [pledge.id])
    return lesson


def withdraw_all_rules(session: Session, pledge: Pledge) -> None:
    """The pledger changed or withdrew the pledge, whose row is locked: what was learnt of it before does not hold any more."""
    held = update(RefusalRule).where(RefusalRule.pledge_id == pledge.id, RefusalRule.forgotten_at.is_(None))
    session.execute(held.values(forgotten_at=now(), version=RefusalRule.version + 1))
    pledge.exclusions = []


def find_own_rule(session: Session, caller: Caller, lesson_id: UUID) -> RefusalRule:
    lesson = session.get(RefusalRule, lesson_id)
    if lesson is None or lesson.pledger_id != caller.id:
        raise not_found()
    return lesson


def publish_release(session: Session, pledge: Pledge) -> None:
    """Tell what is free of a pledge now, and which version of it that answers."""
    pledge.releases, pledge.released_at = pledge.releases + 1, now()
    session.flush()
    outbox.add(session, pledge_released(pledge))


def _bear(session: Session, pledge: Pledge) -> None:
    """The pledge, whose row is locked, bears what its lessons say now: a clearing reads no lessons."""
    held = select(RefusalRule).where(
        RefusalRule.pledge_id == pledge.id, RefusalRule.forgotten_at.is_(None), RefusalRule.region.is_not(None)
    )
    pledge.exclusions = sorted({str(lesson.region or lesson.category) for lesson in session.scalars(held)})
    session.flush()


def _rest(session: Session, pledge: Pledge) -> None:
    """Nothing of the pledge is open until its pledger says so: to the book it is as if it had ended."""
    pledge.ended, pledge.paused, pledge.rest = True, True, 0
    session.flush()
    lapse_proposals(session, find_matches(session, "proposed", Match.pledge_id == pledge.id), "pledge_changed")
    publish_release(session, pledge)


def _rests(session: Session, pledge: Pledge) -> bool:
    holding = select(RefusalRule.id).where(
        RefusalRule.pledge_id == pledge.id, RefusalRule.forgotten_at.is_(None), RefusalRule.region.is_(None)
    )
    return session.scalars(holding.limit(1)).first() is not None
