"""A clearing: match the queued needs and pledges with the open book, in one transaction."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from chassis.messaging import outbox
from chassis.ops import tracing
from matching.allocation.score import Demand, rank_within_villages
from matching.book.household_limits import EXHAUSTED
from matching.clearing.candidates import find_servable_needs, load_candidates, lock_chosen
from matching.clearing.completion import complete, find_fitting_needs
from matching.clearing.household_caps import cap_by_household
from matching.clearing.proposals import propose_matches
from matching.clearing.rules import Eligibility, find_left_over, find_unmet
from matching.fairness.queries import load_recent_help
from matching.weights.deferral import defer_pairs, end_deferrals
from matching.weights.queries import load_weights_in_force
from matching.weights.regional_allocation import allocate_by_region, find_pairs_below_threshold

BATCH = 500
PLEDGES_AT_ONCE = 20

# An entry is never deferred by as much as a minute. One that seems to be was written before the clock was set back, and is due.
_DUE = text(
    "SELECT side, id, traceparent FROM to_clear WHERE side = :side"
    " AND (due_at <= clock_timestamp() OR due_at > clock_timestamp() + interval '1 minute')"
    " ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED"
)
_LOCK_NEEDS = text("SELECT * FROM needs WHERE id = ANY(CAST(:ids AS uuid[])) AND open ORDER BY id FOR UPDATE SKIP LOCKED")
# Barred pairs and households that have had enough are the only exclusions that are read pair by pair; refusal rules stand on their pledges.
_REFUSED = text(
    "SELECT need_id, pledge_id, pledges.category, pledges.unit, pledges.scope, not_for FROM matches JOIN pledges ON pledges.id = pledge_id"
    f" WHERE barred AND need_id = ANY(CAST(:ids AS uuid[])) UNION ALL {EXHAUSTED}"
)


@dataclass(frozen=True)
class ClearingResult:
    """The number of queue entries that a clearing took, and of proposals that it made."""

    due: int
    proposals: int


def clear(session: Session, answer_within: timedelta, limit: int = BATCH) -> ClearingResult:
    """Clear up to `limit` entries of the queue. Any number of clearings may run at once: none waits for another's rows."""
    needs = session.execute(_DUE, {"side": "need", "limit": limit}).all()
    pledges = session.execute(_DUE, {"side": "pledge", "limit": min(limit, PLEDGES_AT_ONCE)}).all()
    if not needs and not pledges:
        return ClearingResult(0, 0)
    due = [*needs, *pledges]
    with tracing.spans([(f"{row.side} cleared", row.traceparent) for row in due]) as traces:
        outbox.continue_trace(session, traces[0], {row.id: trace for row, trace in zip(due, traces, strict=True)})
        return _clear(session, answer_within, [row.id for row in needs], [row.id for row in pledges])


def clear_needs(session: Session, needs: Sequence[UUID], answer_within: timedelta) -> int:
    """Clear just these needs, queued or not; return the number of proposals."""
    return _clear(session, answer_within, needs, []).proposals


def _clear(session: Session, answer_within: timedelta, due_needs: Sequence[UUID], due_pledges: Sequence[UUID]) -> ClearingResult:
    at = now()
    rows = {row.id: row for row in _lock_needs(session, due_needs, due_pledges)}
    demands = _load_demands(session, rows.values(), at)
    refused = session.execute(_REFUSED, {"ids": encode_array(demands)}).all() if demands else []
    eligibility = Eligibility(demands.values(), refused)
    pledges = load_candidates(session, eligibility)
    weights = load_weights_in_force(session, {need.region for need in demands.values()}, at)
    end_deferrals(session, [id_ for id_ in due_needs if id_ in rows and rows[id_].declined])
    needs = rank_within_villages(list(demands.values()))
    low = find_pairs_below_threshold(needs, pledges.values(), weights)
    defer_pairs(session, low, at)
    excluded = eligibility.exclusions_by_pledge(pledges.values())
    shares, locked = lock_chosen(session, lambda left: allocate_by_region(needs, left, excluded, weights, low), pledges)
    shares = cap_by_household(session, shares, rows, locked)
    propose_matches(session, shares, {id_: (row, demands[id_]) for id_, row in rows.items()}, locked, weights, at, answer_within)
    unmet = find_unmet([demands[id_] for id_ in due_needs if id_ in demands], shares)
    left_over = find_left_over(pledges.values(), shares) if unmet else []
    waiting = find_servable_needs(session, Eligibility(unmet, refused, low), left_over) if unmet else []
    complete(session, due_needs, due_pledges, waiting, [id_ for id_ in due_needs if id_ not in demands])
    return ClearingResult(len(due_needs) + len(due_pledges), len(shares))


def _lock_needs(session: Session, due_needs: Sequence[UUID], due_pledges: Sequence[UUID]) -> Sequence[Any]:
    ids = {*due_needs, *find_fitting_needs(session, due_pledges)}
    return session.execute(_LOCK_NEEDS, {"ids": encode_array(sorted(ids))}).all() if ids else []


def _load_demands(session: Session, rows: Collection[Any], at: datetime) -> dict[UUID, Demand]:
    """Return the needs by id, each with the earlier help of its village and household.

    The needs of this batch count as published even where the counts do not include them yet.
    """
    known, here = load_recent_help(session, rows), Counter(row.region for row in rows)
    return {
        row.id: Demand(
            row.id,
            row.category,
            row.unit,
            row.region,
            row.urgency,
            max(0, (at - row.posted_at).days),
            row.rest,
            is_helped=row.rest < row.quantity,
            village_needs=max(here[row.region], known.villages.get(row.region, (0, 0))[0]),
            village_helped=known.villages.get(row.region, (0, 0))[1],
            household_helped=known.households.get(row.household_id, 0),
        )
        for row in rows
    }
