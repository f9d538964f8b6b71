"""Add refusal rules when a proposal is refused; withdraw them when the pledger asks for it or changes the pledge."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import state_conflict
from matching.book import clearing_queue
from matching.book.actions import lapse_proposals, publish_release
from matching.book.kinds import join_exclusions
from matching.book.lock import lock_rows
from matching.book.model import Match, Pledge
from matching.book.queries import find_matches, sum_promised
from matching.refusals.model import RefusalRule
from matching.refusals.queries import get_own_rule
from matching.refusals.rules import derive_consequence


def add_rule_from_refusal(session: Session, match: Match) -> None:
    """Add the rule that follows from the refusal of this match, if any.

    The caller has locked the pledge and, for a reason that pauses it, everything proposed of it.
    """
    pledge = session.get_one(Pledge, match.pledge_id, populate_existing=True)
    reason = str(match.ended_because)
    consequence = derive_consequence(
        reason, region=match.region, category=match.category, scope=pledge.scope, pledged_category=pledge.category
    )
    if consequence is None:
        return
    about = {"pledge_id": pledge.id, "pledger_id": pledge.pledger_id, "match_id": match.id}
    stated = {"region": consequence.region, "category": consequence.category}
    session.add(RefusalRule(**about, reason=reason, **stated, learnt_at=now()))
    session.flush()
    update_exclusions(session, pledge)
    if consequence.pauses:
        _pause(session, pledge)


def withdraw_rule(session: Session, caller: Caller, rule_id: UUID) -> RefusalRule:
    """Withdraw a rule for its pledger. Raises `not_found`, `stale`, or `state_conflict` when it was withdrawn before."""
    rule = get_own_rule(session, caller, rule_id)
    # Lock order: the pledge before the rule, as a change of the pledge locks them.
    pledge = session.get_one(Pledge, rule.pledge_id, with_for_update=True, populate_existing=True)
    session.refresh(rule, with_for_update=True)
    versions.check_if_match(session, rule)
    if rule.forgotten_at is not None:
        raise state_conflict(state="forgotten")
    rule.version, rule.forgotten_at = rule.version + 1, now()
    session.flush()
    update_exclusions(session, pledge)
    if rule.region is None and pledge.paused and not _has_pausing_rule(session, pledge):
        _resume(session, pledge)
    if not pledge.ended:
        clearing_queue.add(session, "pledge", [pledge.id])
    return rule


def withdraw_all_rules(session: Session, pledge: Pledge) -> None:
    """Withdraw all rules of a pledge that its pledger changed or withdrew. The caller has locked the pledge."""
    rules = update(RefusalRule).where(RefusalRule.pledge_id == pledge.id, RefusalRule.forgotten_at.is_(None))
    session.execute(rules.values(forgotten_at=now(), version=RefusalRule.version + 1))
    pledge.exclusions = join_exclusions([], pledge.unfit)


def move_rules(session: Session, after: Mapping[str, str], rows: int) -> int:
    """Move rules to the successors of their regions, and copy them to their pledges again; return the number of rules."""
    found = select(RefusalRule.id, RefusalRule.pledge_id).where(RefusalRule.region.in_(after)).limit(rows)
    pledge_of = {row.id: row.pledge_id for row in session.execute(found)}
    if not pledge_of:
        return 0
    # Lock order: the pledge before the rule.
    lock_rows(session, Pledge, set(pledge_of.values()))
    rules = session.scalars(select(RefusalRule).where(RefusalRule.id.in_(pledge_of)).with_for_update()).all()
    for rule in rules:
        rule.region = after.get(str(rule.region), rule.region)
    session.flush()
    for pledge in session.scalars(select(Pledge).where(Pledge.id.in_(pledge_of.values()))):
        update_exclusions(session, pledge)
    return len(rules)


def update_exclusions(session: Session, pledge: Pledge) -> None:
    """Copy the codes of the rules in force to the locked pledge, beside its unfit items: a clearing reads no rules."""
    excluding = session.scalars(_rules_in_force(pledge).where(RefusalRule.region.is_not(None)))
    pledge.exclusions = join_exclusions((str(rule.region or rule.category) for rule in excluding), pledge.unfit)
    session.flush()


def _pause(session: Session, pledge: Pledge) -> None:
    """Pause the pledge as if it had ended, and lapse its proposals."""
    pledge.ended, pledge.paused, pledge.rest = True, True, 0
    session.flush()
    lapse_proposals(session, find_matches(session, "proposed", Match.pledge_id == pledge.id), "pledge_changed")
    publish_release(session, pledge)


def _resume(session: Session, pledge: Pledge) -> None:
    pledge.ended = pledge.paused = False
    pledge.rest = pledge.quantity - sum_promised(session, pledge.id)
    publish_release(session, pledge)


def _has_pausing_rule(session: Session, pledge: Pledge) -> bool:
    return session.scalars(_rules_in_force(pledge).where(RefusalRule.region.is_(None)).limit(1)).first() is not None


def _rules_in_force(pledge: Pledge) -> Select[RefusalRule]:
    return select(RefusalRule).where(RefusalRule.pledge_id == pledge.id, RefusalRule.forgotten_at.is_(None))
