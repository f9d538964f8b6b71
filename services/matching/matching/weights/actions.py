"""Set the weights of a region: a new version that holds from now or from a later moment on."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import not_found
from matching.allocation.score import Weights
from matching.weights import rules
from matching.weights.model import WeightSet
from matching.weights.problems import weights_wrong
from matching.weights.queries import find_latest_set, list_history


def set_weights(session: Session, caller: Caller, region: str, weights: Weights, valid_from: datetime | None = None) -> Sequence[WeightSet]:
    """Add the next version for a region that the caller manages; returns its history.

    Raises `not_found` for another region, `stale`, or `weights_wrong` with the names of the wrong fields.
    """
    if not caller.manages(region):
        raise not_found()
    # An advisory lock per region: there may be no row yet to lock.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("matching.weights"), func.hashtext(region))))
    latest = find_latest_set(session, region)
    versions.check_if_match(session, latest)
    at = now()
    if wrong := rules.find_wrong_fields(weights, valid_from, at):
        raise weights_wrong(errors=[{"pointer": f"#/{name}", "code": "out_of_range"} for name in wrong])
    values = {name: value for name, value in asdict(weights).items() if name != "version"}
    session.add(
        WeightSet(
            region=region, version=latest.version + 1, weights=values, set_by=caller.id, set_at=at, valid_from=valid_from or at
        )
    )  # fmt: skip
    session.flush()
    return list_history(session, caller, region)
