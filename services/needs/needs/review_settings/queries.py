"""Queries of the settings of verification."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import not_found
from needs.review_settings import rules
from needs.review_settings.model import ReviewSettings
from needs.review_settings.rules import InForce

MOST_SHOWN = 50


def load_settings(session: Session, regions: Collection[str]) -> Mapping[str, InForce]:
    """Load the settings that hold in each of these regions."""
    around = sorted({code for region in regions for code in rules.list_enclosing_regions(region)})
    latest = select(ReviewSettings).ext(distinct_on(ReviewSettings.region)).where(ReviewSettings.region.in_(around))
    latest = latest.order_by(ReviewSettings.region, ReviewSettings.version.desc())
    made = {one.region: one for one in session.scalars(latest)} if around else {}
    return {region: rules.choose_settings(region, made) for region in regions}


def list_history(session: Session, caller: Caller, region: str) -> Sequence[ReviewSettings]:
    """List the versions that a region has made, the newest first. Raises `not_found` for a caller who may not read them."""
    if not rules.may_read(caller, region):
        raise not_found()
    query = select(ReviewSettings).where(ReviewSettings.region == region).order_by(ReviewSettings.version.desc()).limit(MOST_SHOWN)
    return session.scalars(query).all()


def find_latest(session: Session, region: str) -> ReviewSettings:
    """Find the last version that a region has made; an empty version 0 when it has made none."""
    query = select(ReviewSettings).where(ReviewSettings.region == region).order_by(ReviewSettings.version.desc()).limit(1)
    return session.scalars(query).first() or ReviewSettings(version=0)
