"""Actions of samples: draw verified needs by chance, judge their verification."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from needs import following
from needs.events import need_closed
from needs.model import Need
from needs.review_settings.rules import InForce
from needs.rules import COUNTY_DIGITS
from needs.samples import queries, rules
from needs.samples.events import verification_faulted
from needs.samples.model import Sample, Seed


def draw_samples(session: Session, verified: Sequence[tuple[Need, int | None]], settings: Mapping[str, InForce]) -> None:
    """Draw from needs that were just published, each with its value; `settings` are those of their regions.

    The draw depends on the county's seed and the need's id alone, so nobody can steer it, and it can be repeated.
    """
    seeds = _load_seeds(session, {need.region[:COUNTY_DIGITS] for need, _ in verified})
    for need, value in verified:
        if rules.is_drawn(seeds[need.region[:COUNTY_DIGITS]], need.id, settings[need.region].sample_per_mille):
            session.add(_sample_of(need, value))


def check_sample(session: Session, caller: Caller, sample_id: UUID, wanted: Mapping[str, Any]) -> Sample:
    """Judge a verification as right or wrong; a need that should not have been published may be closed with it.

    Whoever verified it wrongly is told.
    """
    seen = queries.get_sample(session, caller, sample_id)
    need = session.get_one(Need, seen.need_id, with_for_update={"of": Need})
    sample = queries.get_sample(session, caller, sample_id, lock=True)
    session.refresh(sample)
    versions.check_if_match(session, sample)
    if problem := rules.find_check_problem(caller, sample, need):
        raise problem
    sample.is_right, sample.reason = wanted["verdict"] == "right", wanted.get("reason")
    sample.checked_by, sample.checked_at = caller.id, now()
    sample.version += 1
    if wanted.get("close") and need.state == "published":
        following.end_need(need, "closed", "other")
        need.closed_by = caller.id
        outbox.add(session, need_closed(need))
    session.flush()
    if not sample.is_right:
        outbox.add(session, verification_faulted(sample))
    return sample


def _sample_of(need: Need, value: int | None) -> Sample:
    reviewers = (need.confirmed_by, need.verifier_id) if need.confirmed_by else (need.verifier_id, None)
    stated = {"reviewer_id": reviewers[0], "second_reviewer_id": reviewers[1], "value": rules.weigh(value)}
    return Sample(need_id=need.id, region=need.region, category=need.category, verified_at=need.published_at, **stated)


def _load_seeds(session: Session, counties: set[str]) -> dict[str, int]:
    """Load the seeds of counties; a county without one gets a random one."""
    query = select(Seed.county, Seed.seed).where(Seed.county.in_(counties))
    found = {row.county: row.seed for row in session.execute(query)}
    if missing := sorted(counties - found.keys()):
        rows = [{"county": county, "seed": secrets.randbits(63), "made_at": now()} for county in missing]
        session.execute(insert(Seed).values(rows).on_conflict_do_nothing())
        found = {row.county: row.seed for row in session.execute(query)}
    return found
