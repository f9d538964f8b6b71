"""Erasing texts, photos and parcel numbers: of people who were erased, and of matches that closed long ago."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.encryption import erase_values, holds_values
from chassis.photos.actions import erase_photos
from chassis.settings import RetentionSettings
from contracts.users import PersonErased
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.book.model import Match, Movement
from matching.disputes.model import Dispute
from matching.feedback.model import Photo, Thanks

AT_ONCE = 1_000


def erase_people(session: Session, events: Sequence[PersonErased]) -> None:
    """Erase what was written and shown in all matches of people who were erased, by either side."""
    accounts, households = {event.account_id for event in events}, {event.household_id for event in events}
    sides = or_(Match.pledger_id.in_(accounts), Match.account_id.in_(accounts), Match.household_id.in_(households))
    erase_texts(session, select(Match.id).where(sides))
    erase_values(session, Appeal, Appeal.person_id.in_(accounts))


def erase_texts(session: Session, matches: Any) -> None:
    """Erase the texts, photos and parcel numbers of matches, whose ids a query selects."""
    for entity in (Movement, Thanks, Dispute):
        erase_values(session, entity, entity.match_id.in_(matches))
    marks = select(ReliabilityEvent.id).where(ReliabilityEvent.match_id.in_(matches))
    erase_values(session, Appeal, Appeal.mark_id.in_(marks))
    erase_photos(session, Photo, Photo.match_id.in_(matches))


def erase_old_texts(session: Session) -> None:
    """Erase what was written and shown in matches that closed longer ago than texts are kept, of each kind a thousand at a time."""
    limit = now() - RetentionSettings.of_environment().texts
    for entity in (Movement, Photo, Thanks, Dispute):
        old = select(entity.match_id).join(Match, Match.id == entity.match_id).where(Match.closed_at < limit, holds_values(entity))
        if matches := session.scalars(old.order_by(Match.closed_at).limit(AT_ONCE)).all():
            erase_texts(session, matches)
