"""Changes of the book that several rooms share: a match's state and movements, lapsed proposals, published releases of a pledge."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from contracts.matching import Lapse
from matching.book.events import match_lapsed, match_revised, pledge_released
from matching.book.lock import lock_pledges_and_needs
from matching.book.model import Match, Movement, Pledge
from matching.book.release import release_matches
from matching.reliability import actions as reliability

BARRING = frozenset({"deadline", "revised"})
"""Endings of a proposal after which its two sides are never proposed to each other again."""


def change_state(match: Match, state: str) -> None:
    """Bring a match to a state, and its version one further."""
    match.state, match.version = state, match.version + 1


def record_movement(match: Match, kind: str, quantity: int, by: UUID | None, **more: Any) -> None:
    """Record a movement of a match at the match's present version."""
    match.movements.append(Movement(kind=kind, quantity=quantity, version=match.version, at=now(), by=by, **more))


def lapse_proposals(session: Session, matches: Sequence[Match], because: Lapse | Literal["need_moved", "revised"]) -> Sequence[Match]:
    """End these matches as lapsed, as far as they are still proposed; returns those that ended."""
    if not matches:
        return []
    lock_pledges_and_needs(session, matches)
    lapsed = session.scalars(
        update(Match)
        .where(Match.id.in_([match.id for match in matches]), Match.state == "proposed")
        .values(state="lapsed", version=Match.version + 1, ended_because=because, barred=because in BARRING, answered_at=now())
        .returning(Match),
        execution_options={"populate_existing": True},
    ).all()
    release_matches(session, lapsed)
    if because == "deadline":
        reliability.record_events(session, [match.id for match in lapsed])
    outbox.add(session, *map(match_revised if because == "revised" else match_lapsed, lapsed))
    return lapsed


def publish_release(session: Session, pledge: Pledge) -> None:
    """Publish the open quantity of a pledge and the pledge version that it answers. The caller has locked the pledge."""
    pledge.releases, pledge.released_at = pledge.releases + 1, now()
    session.flush()
    outbox.add(session, pledge_released(pledge))
