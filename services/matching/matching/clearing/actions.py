"""One clearing: what changed in the book, with the open book around it, becomes the best proposals; one transaction."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import array
from chassis.data.database import now
from chassis.messaging import outbox
from chassis.ops import tracing
from matching.allocation.score import Demand, in_turn
from matching.clearing import candidates
from matching.clearing.completion import complete, find_fitting_needs
from matching.clearing.eligibility import Eligibility
from matching.clearing.lock import lock_chosen
from matching.clearing.proposals import propose_matches
from matching.fairness.queries import load_recent_help
from matching.weights.allocation import allocate_by_region, find_pairs_below_threshold
from matching.weights.deferral import defer_pairs, end_deferrals
from matching.weights.queries import load_weights_in_force

BATCH = 500
PLEDGES_AT_ONCE = 20

# Nothing is ever put off by as much as a minute: what seems to be was written before the clock was set back.
_DUE = text(
    "SELECT side, id, traceparent FROM to_clear WHERE side = :side"
    " AND (due_at <= clock_timestamp() OR due_at > clock_timestamp() + interval '1 minute')"
    " ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED"
)

_TAKE_NEEDS = text("SELECT * FROM needs WHERE id = ANY(CAST(:ids AS uuid[])) AND open ORDER BY id FOR UPDATE SKIP LOCKED")
# A lesson is borne by its pledge; what is read pair by pair are these alone.
_REFUSED = text(
    "SELECT need_id, pledge_id, pledges.category, pledges.unit, pledges.scope, not_for FROM matches JOIN pledges ON pledges.id = pledge_id"
    " WHERE barred AND need_id = ANY(CAST(:ids AS uuid[]))"
)


@dataclass(frozen=True)
class ClearingResult:
    """How many list entries a clearing looked at, and how many proposals it made."""

    due: int
    proposals: int


def clear(session: Session, answer_within: timedelta, limit: int = BATCH) -> ClearingResult:
    """Clear up to `limit` entries of the list. Any number may run at once: none waits for another's rows."""
    needs = session.execute(_DUE, {"side": "need", "limit": limit}).all()
    pledges = session.execute(_DUE, {"side": "pledge", "limit": min(limit, PLEDGES_AT_ONCE)}).all()
    if not needs and not pledges:
        return ClearingResult(0, 0)
    due = [*needs, *pledges]
    with tracing.spans([(f"{row.side} cleared", row.traceparent) for row in due]) as traces:
        outbox.continue_trace(session, traces[0], {row.id: trace for row, trace in zip(due, traces, strict=True)})
        return _allocate(session, answer_within, [row.id for row in needs], [row.id for row in pledges])


def clear_needs(session: Session, needs: Sequence[UUID], answer_within: timedelta) -> int:
    """Clear for just these needs, on the list or not; returns how many proposals there were."""
    return _allocate(session, answer_within, needs, []).proposals


def _allocate(session: Session, answer_within: timedelta, due_needs: Sequence[UUID], due_pledges: Sequence[UUID]) -> ClearingResult:
    at = now()
    need_of = {row.id: row for row in _lock_needs(session, due_needs, due_pledges)}
    asked = _load_demands(session, need_of.values(), at)
    refused = session.execute(_REFUSED, {"ids": array(asked)}).all() if asked else []
    wanting = Eligibility(asked.values(), refused)
    pledges = candidates.load_candidates(session, wanting)
    weights = load_weights_in_force(session, {need.region for need in asked.values()}, at)
    end_deferrals(session, [id_ for id_ in due_needs if id_ in need_of and need_of[id_].declined])
    needs = in_turn(list(asked.values()))
    low = find_pairs_below_threshold(needs, pledges.values(), weights)
    defer_pairs(session, low, at)
    barred = wanting.exclusions_by_pledge(pledges.values())
    shares, pledge_of = lock_chosen(session, lambda left: allocate_by_region(needs, left, barred, weights, low), pledges)
    weighed = {id_: (row, asked[id_]) for id_, row in need_of.items()}
    propose_matches(session, shares, weighed, pledge_of, weights, at, answer_within)
    given, taken = Counter[UUID](), Counter[UUID]()
    for share in shares:
        given[share.need] += share.quantity
        taken[share.pledge] += share.quantity
    unmet = [asked[id_] for id_ in due_needs if id_ in asked and given[id_] < asked[id_].rest]
    lying = [one for id_, one in pledges.items() if taken[id_] < one.rest] if unmet else []
    waiting = candidates.find_servable_needs(session, Eligibility(unmet, refused, low), lying) if unmet else []
    complete(session, due_needs, due_pledges, waiting, [id_ for id_ in due_needs if id_ not in asked])
    return ClearingResult(len(due_needs) + len(due_pledges), len(shares))


def _lock_needs(session: Session, due_needs: Sequence[UUID], due_pledges: Sequence[UUID]) -> Sequence[Any]:
    ids = {*due_needs, *find_fitting_needs(session, due_pledges)}
    return session.execute(_TAKE_NEEDS, {"ids": array(sorted(ids))}).all() if ids else []


def _load_demands(session: Session, rows: Collection[Any], at: datetime) -> dict[UUID, Demand]:
    """The needs by id, each with how its village and household fared. What is asked here was published, even if it is not counted yet."""
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
