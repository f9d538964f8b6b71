"""Locks of the book, in one order everywhere: pledges, then needs, each by id, and matches last. So no two processes deadlock."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import Problem
from matching.book import rules
from matching.book.model import Match, Need, Pledge
from matching.book.queries import get_visible_match

Rule = Callable[[str, Caller, Match], Problem | None]


def lock_for_action(
    session: Session,
    caller: Caller,
    match_id: UUID,
    act: str,
    *,
    with_book: bool = False,
    with_proposals: bool = False,
    rule: Rule = rules.find_match_problem,
) -> Match:
    """Lock a match for an act of the caller. Raises `not_found`, `stale`, or the problem that the rule finds.

    `with_book` locks its need and pledge first, for acts that may release a quantity. `with_proposals` locks the pledge and the needs of
    all its proposals, for acts that may pause the pledge.
    """
    match = get_visible_match(session, caller, match_id)
    if with_proposals:
        lock_pledge_and_proposed_needs(session, match)
    match = lock_match(session, match, with_book=with_book)
    versions.check_if_match(session, match)
    if problem := rule(act, caller, match):
        raise problem
    return match


def lock_match(session: Session, match: Match, *, with_book: bool) -> Match:
    """Lock a match and read it again; `with_book` locks its pledge and need first."""
    if with_book:
        lock_pledges_and_needs(session, [match])
    return session.get_one(Match, match.id, with_for_update=True, populate_existing=True)


def lock_pledges_and_needs(session: Session, matches: Sequence[Match]) -> None:
    """Lock the pledges of these matches, then their needs."""
    lock_rows(session, Pledge, {match.pledge_id for match in matches})
    lock_rows(session, Need, {match.need_id for match in matches})


def lock_pledge_and_proposed_needs(session: Session, match: Match) -> None:
    """Lock the pledge of a match, then the needs of all its proposals. With the pledge locked, no new proposal of it can appear."""
    lock_rows(session, Pledge, {match.pledge_id})
    proposed = session.scalars(select(Match.need_id).where(Match.pledge_id == match.pledge_id, Match.state == "proposed"))
    lock_rows(session, Need, {match.need_id, *proposed})


def find_proposed_pledges(session: Session, needs: Collection[UUID]) -> set[UUID]:
    """Find the ids of the pledges that are proposed to these needs, without locking them."""
    return set(session.scalars(select(Match.pledge_id).where(Match.need_id.in_(needs), Match.state == "proposed")))


def lock_rows(session: Session, entity: type[Pledge] | type[Need], ids: Collection[UUID]) -> None:
    """Lock pledges or needs in the order of their ids."""
    session.execute(select(entity.id).where(entity.id.in_(ids)).order_by(entity.id).with_for_update())
