"""Proposals of a clearing: set the quantities aside, write the matches, publish `MatchProposed`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array, encode_rows, insert_into
from chassis.data.database import new_id
from chassis.messaging import outbox
from contracts.matching import MatchProposed
from matching.allocation.reasons import build_reasons
from matching.allocation.score import Demand, Weights
from matching.allocation.solver import Share
from matching.book.events import match_facts
from matching.weights.rules import RegionalWeights

_SET_ASIDE = {
    table: text(
        f"UPDATE {table} SET rest = rest - part.quantity"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS bigint[])) AS part (id, quantity)"
        f" WHERE {table}.id = part.id AND NOT ended AND rest >= part.quantity"
    )
    for table in ("needs", "pledges")
}

_PROPOSE = insert_into(
    "matches",
    [
        *("id", "version", "need_id", "pledge_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit"),
        *("quantity", "state", "reasons", "barred", "proposed_at", "answer_by"),
        *("charity", "best_before", "parts", "score", "lead", "weights_version", "weights_region"),
    ],
)


def propose_matches(
    session: Session,
    shares: Sequence[Share],
    needs: Mapping[UUID, tuple[Any, Demand]],
    pledges: Mapping[UUID, Any],
    weights: RegionalWeights,
    at: datetime,
    answer_within: timedelta,
) -> None:
    """Write one match for each share, and publish it.

    `needs` are locked rows of the book with their demands, `pledges` locked rows. Raises when less is free than was shared out.
    """
    if not shares:
        return
    _set_aside(session, "needs", [(share.need, share.quantity) for share in shares])
    _set_aside(session, "pledges", [(share.pledge, share.quantity) for share in shares])
    proposals, rows = [], []
    for share in shares:
        (need, asked), pledge = needs[share.need], pledges[share.pledge]
        whose, weighed = weights.of(need.region)
        reasons = build_reasons(asked, (pledge.category, pledge.unit, pledge.scope), share, weighed)
        stated = match_facts(new_id(), need, pledge, share.quantity)
        answer_by = min(at + answer_within, pledge.valid_until)
        more = {"reasons": reasons, "proposed_at": at, "answer_by": answer_by, "charity": need.charity}
        proposals.append(MatchProposed(version=1, **stated, **more))
        rows.append(_row(proposals[-1]) | {"best_before": pledge.best_before} | _worth(share, whose, weighed))
    session.execute(_PROPOSE, {"rows": encode_rows(rows)})
    outbox.add(session, *proposals)


def _worth(share: Share, whose: str, weights: Weights) -> dict[str, Any]:
    by = {"weights_region": whose, "weights_version": weights.version}
    return {"parts": share.parts, "score": share.value, "lead": share.lead} | by


def _set_aside(session: Session, table: str, parts: Sequence[tuple[UUID, int]]) -> None:
    total: dict[UUID, int] = defaultdict(int)
    for id_, quantity in parts:
        total[id_] += quantity
    result = session.execute(_SET_ASIDE[table], {"ids": encode_array(total), "quantities": encode_array(total.values())})
    changed = cast("CursorResult[Any]", result).rowcount
    if changed != len(total):
        raise AssertionError(f"{len(total) - changed} of {table} hold less than was set aside of them")


def _row(proposal: MatchProposed) -> dict[str, Any]:
    stated = {name: getattr(proposal, name) for name in proposal.__struct_fields__ if name not in {"match_id", "reasons"}}
    return stated | {"id": proposal.match_id, "state": "proposed", "reasons": proposal.reasons, "barred": False}
