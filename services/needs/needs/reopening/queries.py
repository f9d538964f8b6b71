"""Queries for needs that may open again."""

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from needs.model import Need
from needs.rules import OPEN
from needs.samples.model import Sample


def find_repeat(session: Session, need: Need) -> UUID | None:
    """Find an open need of the household for the same item that was posted after this one ended."""
    repeat = select(Need.id).where(
        Need.household_id == need.household_id,
        Need.category == need.category,
        Need.posted_at >= need.ended_at,
        Need.state.in_(OPEN),
        Need.id != need.id,
    )
    return session.scalars(repeat.order_by(Need.id).limit(1)).first()


def was_faulted(session: Session, need: Need) -> bool:
    """Tell whether a check found that the need should not have been verified."""
    return bool(session.scalar(select(exists().where(Sample.need_id == need.id, Sample.is_right.is_(False)))))
