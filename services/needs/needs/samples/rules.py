"""Rules of samples: which needs are drawn, who checks them, what each counts. No rule needs a database."""

import hashlib
import hmac
from uuid import UUID

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, not_found, state_conflict
from needs.model import Need
from needs.rules import COUNTY_DIGITS, manages_county
from needs.samples.model import Sample
from needs.samples.problems import own_verification

MOST_WEIGHT, UNKNOWN_WEIGHT = 1_000_000, 2_000
"""The most fen that one need counts for, and those of a need whose value is not known; insight's weighted rates have the same bounds."""


def is_drawn(seed: int, need_id: UUID, per_mille: int) -> bool:
    """Tell whether a need is in the sample: a keyed hash of its id is below the share. The same seed draws the same needs."""
    digest = hmac.digest(seed.to_bytes(8, signed=True), need_id.bytes, hashlib.sha256)
    return int.from_bytes(digest[:8]) * 1_000 < per_mille << 64


def weigh(value: int | None) -> int:
    """Return the weight of a need of this value in fen."""
    return UNKNOWN_WEIGHT if value is None else max(1, min(value, MOST_WEIGHT))


def list_county_regions(caller: Caller) -> list[str]:
    """List the counties and wider regions that the caller manages or audits."""
    return [region for region in (*caller.regions, *caller.audited_regions) if len(region) <= COUNTY_DIGITS]


def find_check_problem(caller: Caller, sample: Sample, need: Need) -> Problem | None:
    """Return why the caller may not judge a verification, or None: administrators of the county or above who took no part in it."""
    if not any(sample.region.startswith(region) for region in list_county_regions(caller)):
        return not_found()
    if not manages_county(caller, sample.region):
        return not_allowed()
    if caller.id in {sample.reviewer_id, sample.second_reviewer_id, need.poster_id, need.account_id}:
        return own_verification()
    return state_conflict(state="checked") if sample.checked_at is not None else None


def acts_on_sample(caller: Caller, sample: Sample, need: Need) -> list[str]:
    """List the operations that the caller may carry out on the sample now."""
    return ["check_sample"] if find_check_problem(caller, sample, need) is None else []
