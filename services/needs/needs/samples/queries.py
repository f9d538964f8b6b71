"""Queries of samples: administrators of counties and wider regions see them, and their auditors."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_allowed, not_found
from needs.samples import rules
from needs.samples.model import Sample


def list_samples(session: Session, caller: Caller, region: str = "", checked: bool | None = None, **paging: Any) -> dict[str, Any]:
    """Read a page of the samples in the counties that the caller manages or audits, newest first. Raises `not_allowed`."""
    query = select(Sample).where(_within_counties(caller), below(Sample.region, region))
    if checked is not None:
        query = query.where(Sample.checked_at.is_not(None) if checked else Sample.checked_at.is_(None))
    return page(session, query, Sample.id, **paging)


def list_own_faults(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the caller's own verifications that a check found wrong, newest first."""
    mine = or_(Sample.reviewer_id == caller.id, Sample.second_reviewer_id == caller.id)
    return page(session, select(Sample).where(mine, Sample.is_right.is_(False)), Sample.id, **paging)


def get_sample(session: Session, caller: Caller, sample_id: UUID, *, lock: bool = False) -> Sample:
    """Get a sample in a county that the caller manages or audits, locked on request. Raises `not_allowed`, `not_found`."""
    query = select(Sample).where(Sample.id == sample_id, _within_counties(caller))
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        raise not_found()
    return found


def _within_counties(caller: Caller) -> ColumnElement[bool]:
    regions = rules.list_county_regions(caller)
    if not regions:
        raise not_allowed()
    return or_(false(), *(below(Sample.region, region) for region in regions))
