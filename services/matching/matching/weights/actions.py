"""Set the weights of a region: a new version, from now or a later moment on."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import not_found, problem
from matching.allocation.score import DEFAULT, Weights
from matching.weights.model import WeightSet

MOST_SHOWN = 50
LONGEST_AHEAD = timedelta(days=366)
FIRST = {"": DEFAULT.version}
"""The version that a region without any set is at: the country's first is the one the software came with."""

weights_wrong = problem(
    422,
    "weights_wrong",
    zh="权重不合理：须使最一般的需求也能达到门槛，且只能从现在起一年内生效",
    en="These weights make no sense: an ordinary need must be able to reach the threshold, and they hold from now on or within a year",
)

# Two who set the same region's weights at once take turns: there may be no row yet to lock.
_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtext('matching.weights'), hashtext(:region))")


def set_weights(session: Session, caller: Caller, region: str, weights: Weights, valid_from: datetime | None = None) -> Sequence[WeightSet]:
    """The next version for a region that the caller manages; gives `history`.

    Raises `not_found` for another region, `stale`, `weights_wrong` with the names of what is wrong.
    """
    if not caller.manages(region):
        raise not_found()
    session.execute(_TAKE_TURNS, {"region": region})
    latest = _latest(session, region)
    versions.check_if_match(session, latest)
    at = now()
    if wrong := [*weights.wrong(), *(["valid_from"] if valid_from and not at <= valid_from <= at + LONGEST_AHEAD else [])]:
        raise weights_wrong(errors=[{"pointer": f"#/{name}", "code": "out_of_range"} for name in wrong])
    values = {name: value for name, value in asdict(weights).items() if name != "version"}
    session.add(
        WeightSet(
            region=region, version=latest.version + 1, weights=values, set_by=caller.id, set_at=at, valid_from=valid_from or at
        )
    )  # fmt: skip
    session.flush()
    return history(session, caller, region)


def history(session: Session, caller: Caller, region: str) -> Sequence[WeightSet]:
    """What was set for a region, the newest first, for who manages it or something in it. Raises `not_found` for others."""
    if not caller.manages(region) and not any(managed.startswith(region) for managed in caller.regions):
        raise not_found()
    query = select(WeightSet).where(WeightSet.region == region).order_by(WeightSet.version.desc()).limit(MOST_SHOWN)
    return session.scalars(query).all()


def _latest(session: Session, region: str) -> WeightSet:
    query = select(WeightSet).where(WeightSet.region == region).order_by(WeightSet.version.desc()).limit(1)
    return session.scalars(query).first() or WeightSet(version=FIRST.get(region, 0))
