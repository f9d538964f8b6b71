"""How reliably somebody gives, as a share of 1: a pure function of what speaks for and against them, and of how long ago it was.

    figure = (PRIOR_GOOD + good) / (PRIOR_GOOD + PRIOR_BAD + good + bad)

`good` and `bad` are sums of the weights of marks, each halved for every `HALF_LIFE` that has passed since: the mean of a Beta distribution
(Jøsang & Ismail 2002, The Beta Reputation System). What is stored are the sums as they grow towards the future, `weight * grown(at)`, which
are added to and taken from in any order and never reckoned anew (Cormode et al. 2009, Forward Decay).
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import log2

HALF_LIFE = timedelta(days=180)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
PRIOR_GOOD, PRIOR_BAD = 4.0, 1.0
"""About whom nothing is known: as if four of five promises had been kept."""
BOUNDS = (0.35, 0.55, 0.75, 0.9)
"""Where one of the five classes ends and the next begins: a single no-show ends in the third, five whole deliveries in the fifth."""

NO_SHOW, WITHDRAWAL, LAPSE, RATING = 2.0, 0.5, 0.25, 0.5
"""What weighs how much beside a delivery, which weighs 1 whatever its size: the part that arrived for, the rest against."""


@dataclass(frozen=True)
class Evidence:
    """Sums of weights for and against, as they grow towards the future."""

    good: float = 0.0
    bad: float = 0.0


def forward_weight(at: datetime) -> float:
    """How many times what happened then weighs more than what happened at `EPOCH`."""
    return float(2 ** ((at - EPOCH) / HALF_LIFE))


def expected_share(record: Evidence, at: datetime) -> float:
    """As it stands at a moment: between 0 and 1, and nearer to the prior the older all marks are."""
    good, bad = record.good / forward_weight(at), record.bad / forward_weight(at)
    return (PRIOR_GOOD + good) / (PRIOR_GOOD + PRIOR_BAD + good + bad)


def classify(share: float) -> int:
    """From 0, hardly ever, to 4, nearly always."""
    return bisect_right(BOUNDS, share)


def find_next_class_change(record: Evidence, at: datetime) -> datetime | None:
    """When the class becomes another one if nothing more happens; None when it stays. Marks only fade: the figure goes one way."""
    now, start = expected_share(record, at), PRIOR_GOOD / (PRIOR_GOOD + PRIOR_BAD)
    between = [bound for bound in BOUNDS if min(now, start) < bound <= max(now, start)]
    if not between:
        return None
    bound = max(between) if now > start else min(between)
    faded = (bound * (PRIOR_GOOD + PRIOR_BAD) - PRIOR_GOOD) / (record.good - bound * (record.good + record.bad))
    # A moment later, so that rounding leaves no doubt on which side of the bound it is.
    return max(at, EPOCH + HALF_LIFE * -log2(faded)) + timedelta(minutes=1)
