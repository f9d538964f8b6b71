"""The answer about a region and a period: the total, its buckets, the regions directly below, and the period before."""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from insight import queries, rules
from insight.days import By, today
from insight.figures import compute_figures, compute_trend, rank_regions
from insight.queries import BELOW


def compute_rates(
    session: Session, caller: Caller | None, region: str, since: date | None = None, until: date | None = None, by: By | None = None
) -> dict[str, Any]:
    """Compute the rates that the caller may see.

    Raises `not_found` for a region that they may not see, `months_only`, `no_month_over`, `wrong_period`.
    """
    for_public = not rules.sees_all(caller, region)
    if for_public and (problem := rules.find_public_problem(region, by)):
        raise problem
    period = rules.choose_period(since, until, by, today(), for_public)
    previous = period.previous()
    buckets = queries.sum_buckets(session, region, period)
    shows_below = not for_public or BELOW.get(len(region), rules.PUBLIC_LEVEL + 1) <= rules.PUBLIC_LEVEL
    below = queries.sum_regions_below(session, region, period) if shows_below else {}
    total = compute_figures(queries.sum_period(session, region, period), for_public)
    before = compute_figures(queries.sum_period(session, region, previous), for_public)
    return {
        "region": region,
        "shown": "public" if for_public else "region",
        "since": period.since,
        "until": period.until,
        "by": period.by,
        "figures": total,
        "before": {"since": previous.since, "until": previous.until, **before},
        "trend": compute_trend(total, before),
        "series": [{"start": start, **compute_figures(sums, for_public)} for start, sums in buckets.items()],
        "ranking": rank_regions({code: compute_figures(sums, for_public) for code, sums in below.items()}),
    }
