"""Revision: move an unanswered proposal to a critical need that nothing else can serve.

Decision 12 says why this is rare: it disappoints the people who were told of the proposal.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.database import now
from matching.book.actions import lapse_proposals
from matching.book.lock import lock_pledges_and_needs
from matching.book.model import Match
from matching.clearing import actions
from matching.refusals.conditions import pair_is_allowed

AT_ONCE = 20
ROWS_READ = 200
WAITED = timedelta(hours=1)
"""The time that a critical need waits before a revision: by then everything free that fits has been proposed."""

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('matching.revising'))")

# Finds, for a critical need that has nothing, a proposal of the same item to an ordinary need that waited least. The critical need must be
# able to take it up whole. Its pledger was neither reminded nor revised before, and more than half of the time to answer is left. Critical
# needs are taken in random order: the oldest ones may be beyond help, and would keep out the others for ever. Deferred ordinary needs stand
# in another index and keep their proposals.
_ORDINARY = f"""
    SELECT * FROM needs AS ordinary
    WHERE ordinary.category = wanting.category AND ordinary.unit = wanting.unit AND urgency = 1 AND {{that}} AND NOT declined
    ORDER BY posted_at DESC LIMIT {ROWS_READ}
"""
_REVISABLE = text(
    f"""
    WITH wanting AS (
        SELECT * FROM needs
        WHERE urgency = 4 AND open AND rest = quantity AND coalesce(published_at, posted_at) <= :since
          AND NOT EXISTS (SELECT FROM to_clear WHERE side = 'need' AND to_clear.id = needs.id)
          AND (CAST(:only AS uuid) IS NULL OR id = :only)
        ORDER BY random() LIMIT {ROWS_READ}
    )
    SELECT wanting.id AS need_id, found.id AS match_id FROM wanting, LATERAL (
        SELECT matches.id FROM (
            ({_ORDINARY.format(that="NOT ended AND NOT open")}) UNION ALL ({_ORDINARY.format(that="open")})
            ORDER BY posted_at DESC LIMIT {ROWS_READ}
        ) AS ordinary
        JOIN matches ON matches.need_id = ordinary.id JOIN pledges ON pledges.id = matches.pledge_id
        WHERE matches.state = 'proposed' AND matches.quantity <= wanting.rest AND starts_with(wanting.region, pledges.scope)
          AND matches.reminded_at IS NULL AND :at - proposed_at < answer_by - :at AND NOT pledges.ended AND valid_until >= answer_by
          AND NOT EXISTS (SELECT FROM matches AS former WHERE former.pledge_id = pledges.id AND former.ended_because = 'revised')
          AND {pair_is_allowed("wanting", "pledges.id", "pledges.not_for")}
        ORDER BY ordinary.posted_at DESC, matches.id LIMIT 1
    ) AS found
    LIMIT {AT_ONCE}
    """
)


def revise_proposal(session: Session, answer_within: timedelta) -> bool:
    """Revise one proposal and make its new one in the same transaction; return whether there was one.

    Only one process revises at a time. A second one would lock a pledge after the needs of the first, against the order of locks.
    """
    if not session.scalar(_LOCK):
        return False
    return any(_revise(session, need_id, match_id, answer_within) for need_id, match_id in _find_revisable(session, None))


def _find_revisable(session: Session, only: UUID | None) -> Sequence[tuple[UUID, UUID]]:
    """Find pairs of critical need and match to revise, for all critical needs or for `only` one."""
    at = now()
    return [(need, match) for need, match in session.execute(_REVISABLE, {"at": at, "since": at - WAITED, "only": only})]


def _revise(session: Session, need_id: UUID, match_id: UUID, answer_within: timedelta) -> bool:
    """Move the pledge to the critical need; return False and change nothing if that fails."""
    with session.begin_nested() as step:
        [match] = session.scalars(select(Match).where(Match.id == match_id)).all()
        lock_pledges_and_needs(session, [match])
        still = (need_id, match_id) in _find_revisable(session, need_id)
        if still and lapse_proposals(session, [match], "revised") and actions.clear_needs(session, [need_id], answer_within):
            return True
        step.rollback()
    return False
