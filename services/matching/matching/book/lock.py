"""A match taken up to be acted upon: visible to its caller, locked, at the version they saw, and open to the act."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import Problem
from matching.book import queries, rules
from matching.book.model import Match, Movement
from matching.book.release import lock_pledge_and_proposed_needs, lock_pledges_and_needs

Rule = Callable[[str, Caller, Match], Problem | None]


def lock_for_action(
    session: Session,
    caller: Caller,
    match_id: UUID,
    act: str,
    *,
    with_book: bool = False,
    with_proposals: bool = False,
    rule: Rule = rules.find_problem,
) -> Match:
    """Raises `not_found`, `stale`, or what the rule says against it.

    Who may give something back takes its need and pledge as well; who may let the pledge rest, all that is proposed of it too.
    """
    match = queries.find_visible_match(session, caller, match_id)
    if with_proposals:
        lock_pledge_and_proposed_needs(session, match)
    match = lock_match(session, match, with_book=with_book)
    versions.check_if_match(session, match)
    if refusal := rule(act, caller, match):
        raise refusal
    return match


def lock_match(session: Session, match: Match, *, with_book: bool) -> Match:
    if with_book:
        lock_pledges_and_needs(session, [match])
    return session.get_one(Match, match.id, with_for_update=True, populate_existing=True)


def change_state(match: Match, state: str) -> None:
    match.state, match.version = state, match.version + 1


def record_movement(match: Match, kind: str, quantity: int, by: UUID | None, **more: Any) -> None:
    """Write down, at the version the match is at now, what moved."""
    match.movements.append(Movement(kind=kind, quantity=quantity, version=match.version, at=now(), by=by, **more))
