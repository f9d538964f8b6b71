"""Setting the value above which the county verifies too, and the share of needs that it checks again."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.audit_log import Entry, record
from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import not_found
from needs.review_settings import queries
from needs.review_settings.model import ReviewSettings


def set_review_settings(
    session: Session, caller: Caller, region: str, county_above: int | None, sample_per_mille: int | None
) -> Sequence[ReviewSettings]:
    """Add the next version of the settings of a region that the caller manages; return its history.

    None is as in the region around. Raises `not_found` for another region, and `stale`.
    """
    if not caller.manages(region):
        raise not_found()
    # An advisory lock per region: there may be no row yet to lock.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("needs.review_settings"), func.hashtext(region))))
    latest = queries.find_latest(session, region)
    versions.check_if_match(session, latest)
    made = {"county_above": county_above, "sample_per_mille": sample_per_mille, "set_by": caller.id, "set_at": now()}
    version = latest.version + 1
    session.add(ReviewSettings(region=region, version=version, **made))
    record(session, caller, Entry(act="set_review_settings", subject="review_settings", region=region, details={"version": version}))
    session.flush()
    return queries.list_history(session, caller, region)
