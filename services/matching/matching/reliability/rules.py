"""The reliability formula: the expected share of kept promises, from evidence for and against a person and its age.

    share = (PRIOR_GOOD + good) / (PRIOR_GOOD + PRIOR_BAD + good + bad)

`good` and `bad` sum the weights of events, each halved for every `HALF_LIFE` since it happened. The share is the mean of a Beta
distribution (Jøsang & Ismail 2002, The Beta Reputation System). Stored are sums of `weight * forward_weight(at)`. They are added to and
subtracted from in any order and never recomputed (Cormode et al. 2009, Forward Decay).
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import log2

HALF_LIFE = timedelta(days=180)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
PRIOR_GOOD, PRIOR_BAD = 4.0, 1.0
"""The prior of a person without events: as if four of five promises had been kept."""
BOUNDS = (0.35, 0.55, 0.75, 0.9)
"""Bounds between the five classes: a single no-show leads to the third, five complete deliveries to the fifth."""

NO_SHOW, WITHDRAWAL, LAPSE, RATING = 2.0, 0.5, 0.25, 0.5
"""Weights of the other events. A delivery of any size weighs 1: the part that arrived counts for, the rest against."""


@dataclass(frozen=True)
class Evidence:
    """Sums of forward weights for and against a person."""

    good: float = 0.0
    bad: float = 0.0


def forward_weight(at: datetime) -> float:
    """Return the weight of an event at a moment, relative to one at `EPOCH`."""
    return float(2 ** ((at - EPOCH) / HALF_LIFE))


def expected_share(record: Evidence, at: datetime) -> float:
    """Return the expected share of kept promises at a moment, between 0 and 1; as events age it approaches the prior."""
    good, bad = record.good / forward_weight(at), record.bad / forward_weight(at)
    return (PRIOR_GOOD + good) / (PRIOR_GOOD + PRIOR_BAD + good + bad)


def classify(share: float) -> int:
    """Return the class of a share, from 0 (very low) to 4 (very good)."""
    return bisect_right(BOUNDS, share)


def find_next_class_change(record: Evidence, at: datetime) -> datetime | None:
    """Return the moment when the class changes if nothing more happens; None when it stays. Fading moves the share one way only."""
    now, start = expected_share(record, at), PRIOR_GOOD / (PRIOR_GOOD + PRIOR_BAD)
    between = [bound for bound in BOUNDS if min(now, start) < bound <= max(now, start)]
    if not between:
        return None
    bound = max(between) if now > start else min(between)
    faded = (bound * (PRIOR_GOOD + PRIOR_BAD) - PRIOR_GOOD) / (record.good - bound * (record.good + record.bad))
    # A moment later, so that rounding leaves no doubt on which side of the bound it is.
    return max(at, EPOCH + HALF_LIFE * -log2(faded)) + timedelta(minutes=1)
