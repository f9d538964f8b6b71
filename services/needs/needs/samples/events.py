"""The event of a verification that a check found wrong, made from the row of its sample."""

from typing import cast

from sqlalchemy.orm import object_session

from contracts.needs import Fault, VerificationFaulted
from needs.events import recorded
from needs.model import Need
from needs.samples.model import Sample


def verification_faulted(sample: Sample) -> VerificationFaulted:
    """Make the event of a sample whose verification was wrong, for its reviewers."""
    session = object_session(sample)
    if session is None:
        raise ValueError("the need is read in the session of its sample")
    need = session.get_one(Need, sample.need_id)
    return VerificationFaulted(
        version=sample.version,
        sample_id=sample.id,
        need_id=sample.need_id,
        reviewer_id=sample.reviewer_id,
        second_reviewer_id=sample.second_reviewer_id,
        region=sample.region,
        category=sample.category,
        unit=need.unit,
        quantity=need.quantity,
        reason=cast("Fault", sample.reason),
        verified_at=sample.verified_at,
        checked_at=recorded(sample.checked_at),
    )
