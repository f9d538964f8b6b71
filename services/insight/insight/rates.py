"""The answer about a region and a period: the whole, its buckets, the regions right below, the period before; no more than one may see."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import not_found
from insight import queries
from insight.days import month_of, today
from insight.figures import figures, ranked, trend
from insight.problems import months_only, no_month_over, wrong_period
from insight.queries import BELOW, By, Period

PUBLIC_LEVEL = 6
LONGEST = timedelta(days=1100)


def rates(
    session: Session, caller: Caller | None, region: str, since: date | None = None, until: date | None = None, by: By | None = None
) -> dict[str, Any]:
    """Administrators see all of their regions; everybody else counties and wider, by whole months that are over (one that runs would
    be compared with a whole one), without few people showing in them.

    Raises `not_found` for a region that is not theirs to see, `months_only`, `no_month_over`, `wrong_period`.
    """
    sees_all = caller is not None and caller.manages(region)
    if not sees_all and len(region) > PUBLIC_LEVEL:
        raise not_found()
    if not sees_all and by not in {None, "month"}:
        raise months_only()
    period = _period(since, until, by or "month")
    if not sees_all:
        period = period.finished_months(today())
        if period.until < period.since:
            raise no_month_over()
    buckets = queries.series(session, region, period)
    level = BELOW.get(len(region), PUBLIC_LEVEL + 1)
    children = queries.below(session, region, period) if sees_all or level <= PUBLIC_LEVEL else {}
    whole = figures(queries.whole(session, region, period), not sees_all)
    before = figures(queries.whole(session, region, period.before()), not sees_all)
    return {
        "region": region,
        "shown": "region" if sees_all else "public",
        "since": period.since,
        "until": period.until,
        "by": period.by,
        "figures": whole,
        "before": {"since": period.before().since, "until": period.before().until, **before},
        "trend": trend(whole, before),
        "series": [{"start": start, **figures(sums, not sees_all)} for start, sums in buckets.items()],
        "ranking": ranked({code: figures(sums, not sees_all) for code, sums in children.items()}),
    }


def _period(since: date | None, until: date | None, by: By) -> Period:
    end = until or today()
    first = since or month_of(end - timedelta(days=330))
    if not timedelta(0) <= end - first <= LONGEST:
        raise wrong_period()
    return Period(first, end, by)
