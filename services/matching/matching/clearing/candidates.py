"""Candidate pledges of one clearing: load them, lock the chosen ones, find the needs that could still be served."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array, encode_rows
from matching.allocation.score import Key
from matching.allocation.solver import Share, Supply
from matching.clearing.rules import Eligibility, find_unchanged, key_of_pledge, sum_by_pledge

PER_KEY = 200
ATTEMPTS = 3

# Two forms of the keys to look up. `_APART` lists the areas and items of a key's needs, because refusal rules tell those needs apart.
# `_ALIKE` holds the other keys, by far the most, with their demand only.
_APART = """
    json_to_recordset(CAST(:keys AS json))
    AS key (
        place bigint, category text, unit text, scope text, demand bigint, passed uuid[],
        areas text[], items text[], places text[], things text[]
    )
"""
_ALIKE = """
    (
        SELECT of.*, CAST(:passed AS uuid[]) AS passed, CAST(NULL AS text[]) AS areas, CAST(NULL AS text[]) AS items,
            CAST(NULL AS text[]) AS places, CAST(NULL AS text[]) AS things
        FROM unnest(CAST(:categories AS text[]), CAST(:units AS text[]), CAST(:scopes AS text[]), CAST(:demands AS bigint[]))
        WITH ORDINALITY AS of (category, unit, scope, demand, place)
    ) AS key
"""
_OPEN = """
    category = key.category COLLATE "C" AND unit = key.unit AND scope = key.scope COLLATE "C"
    AND open AND valid_until > now() AND id <> ALL(key.passed)
"""
# Pledges that no need of the key may get are left out here: otherwise 200 of them would hide the useful pledges behind them. The needs are
# compared one by one only where a pledge excludes some of the items and not others.
_FOR_SOMEBODY = """
    (not_for = '{}' OR key.areas IS NULL OR CASE
        WHEN NOT not_for && key.items THEN NOT key.areas <@ not_for
        WHEN key.items <@ not_for THEN false
        ELSE EXISTS (SELECT FROM unnest(key.places, key.things) AS of (place, thing) WHERE place <> ALL(not_for) AND thing <> ALL(not_for))
    END)
"""
# Nothing is locked here: a hundred pledges are read for each that is chosen. `lock_chosen` locks the chosen ones.
# Every open pledge holds a unit at least, so the demand in units bounds the pledges that are read; those behind the demand stay unread.
# Reliability is worth the same to every need, so the more reliable pledges of a key come first and no better choice is missed.
# Restricted pledges do not count towards covered demand, since some needs cannot use them.
_COLUMNS = "id, version, rest, reliability, not_for"
_TAKE, _TAKE_APART = (
    text(
        f"""
    SELECT key.place, pledge.* FROM {keys}, LATERAL (
        SELECT {_COLUMNS} FROM (
            SELECT *, sum(for_all) OVER (ORDER BY reliability DESC, offered_at ROWS UNBOUNDED PRECEDING) - for_all AS before FROM (
                SELECT {_COLUMNS}, offered_at, CASE WHEN not_for && key.areas OR not_for && key.items THEN 0 ELSE rest END AS for_all
                FROM pledges WHERE {_OPEN} AND {_FOR_SOMEBODY}
                ORDER BY reliability DESC, offered_at
                LIMIT CASE WHEN key.areas IS NULL THEN least({PER_KEY}, key.demand) ELSE {PER_KEY} END
            ) AS first
        ) AS summed WHERE before < key.demand
    ) AS pledge
    """
    )
    for keys in (_ALIKE, _APART)
)
# The first pledge of a key mostly covers the demand, and is found at half the cost.
_FIRST = text(
    f"""
    SELECT key.place, pledge.* FROM {_ALIKE}, LATERAL (
        SELECT {_COLUMNS} FROM pledges WHERE {_OPEN} ORDER BY reliability DESC, offered_at LIMIT 1
    ) AS pledge
    """
)
# Ordered like the index: without the order, the planner reads all pledges for each key that has none.
_LEFT = text(
    f"""
    SELECT key.category, key.unit, key.scope FROM {_APART}
    JOIN LATERAL (
        SELECT FROM pledges WHERE {_OPEN} AND {_FOR_SOMEBODY} ORDER BY reliability DESC, offered_at LIMIT 1
    ) AS pledge ON true
    """
)


_LOCK = text(
    "SELECT id, version, pledger_id, category, unit, scope, rest, valid_until, best_before, not_for, household_limit FROM pledges"
    " WHERE id = ANY(CAST(:ids AS uuid[])) AND open AND valid_until > now() ORDER BY id FOR UPDATE SKIP LOCKED"
)


class CandidatePledge(Supply, frozen=True, kw_only=True):
    """An open pledge as it was read, with the version and the exclusions that must still hold when it is locked."""

    version: int
    not_for: list[str]


def load_candidates(session: Session, eligibility: Eligibility) -> dict[UUID, CandidatePledge]:
    """Load the candidate pledges of a clearing, the most reliable and oldest of each key, without locks.

    Keys for which refusal rules exclude some of the needs are read a second time, with their needs told apart.
    """
    skipped, demands = eligibility.useless_pledges(), eligibility.demand_by_key()
    all_skipped = [pledge for pledges in skipped.values() for pledge in pledges]
    found = _read_alike(session, _FIRST, demands, all_skipped)
    short = {one.key: demands[one.key] for one in found if one.rest < demands[one.key]}
    found = [*(one for one in found if one.key not in short), *_read_alike(session, _TAKE, short, all_skipped)]
    apart = sorted({one.key for one in found if one.not_for and eligibility.excludes_any(one.not_for)})
    if apart:
        rows = [_key_row(key, skipped.get(key, ()), demand=demands[key], **eligibility.distinctions(key)) for key in apart]
        numbered = [row | {"place": place} for place, row in enumerate(rows, 1)]
        told_apart = _read(session, _TAKE_APART, apart, {"keys": encode_rows(numbered)})
        found = [*(one for one in found if one.key not in apart), *told_apart]
    return {one.id: one for one in found}


def _read_alike(session: Session, query: TextClause, demands: Mapping[Key, int], skipped: Collection[UUID]) -> list[CandidatePledge]:
    if not demands:
        return []
    categories, units, scopes = zip(*demands, strict=True)
    keys = {
        "categories": encode_array(categories),
        "units": encode_array(units),
        "scopes": encode_array(scopes),
        "demands": encode_array(demands.values()),
    }
    return _read(session, query, list(demands), keys | {"passed": encode_array(skipped)})


def _read(session: Session, query: TextClause, keys: Sequence[Key], parameters: Mapping[str, Any]) -> list[CandidatePledge]:
    return [
        CandidatePledge(id_, keys[place - 1], rest, reliability, version=version, not_for=not_for)
        for place, id_, version, rest, reliability, not_for in session.execute(query, parameters).all()
    ]


def lock_chosen(
    session: Session, allocate: Callable[[Sequence[Supply]], list[Share]], candidates: Mapping[UUID, CandidatePledge]
) -> tuple[list[Share], Mapping[UUID, Any]]:
    """Lock the chosen pledges; allocate again without those that another process changed or holds.

    Returns the shares of locked pledges, and the locked rows by id. It never waits for a lock and gives up after a few attempts.
    """
    left = dict(candidates)
    for _ in range(ATTEMPTS):
        shares = allocate([*left.values()])
        taken = sum_by_pledge(shares)
        rows = session.execute(_LOCK, {"ids": encode_array(taken)}).all() if taken else []
        locked = find_unchanged(rows, candidates, taken)
        lost = taken.keys() - locked.keys()
        if not lost:
            break
        for id_ in lost:
            del left[id_]
    return [one for one in shares if one.pledge in locked], locked


def find_servable_needs(session: Session, eligibility: Eligibility, left_over: Collection[CandidatePledge]) -> list[UUID]:
    """Return the needs, in their order, that may still get one of the pledges `left_over`, or an open pledge that was not loaded."""
    skipped = eligibility.useless_pledges()
    found: set[UUID] = set()
    seen: dict[Key, list[UUID]] = defaultdict(list)
    for key, excluded in {(one.key, eligibility.excluded_needs(one.id, one.not_for)) for one in left_over}:
        found |= eligibility.needs_for_key(key) - excluded
    for one in left_over:
        seen[one.key].append(one.id)
    keys = [_key_row(key, [*skipped.get(key, ()), *seen[key]], **eligibility.distinctions(key)) for key in eligibility.by_key]
    for row in session.execute(_LEFT, {"keys": encode_rows(keys)}).all() if keys else ():
        found |= eligibility.needs_for_key(key_of_pledge(row))
    return [need for need in eligibility.needs if need in found]


def _key_row(key: Key, skipped: Collection[UUID], **more: Any) -> dict[str, Any]:
    return {"category": key[0], "unit": key[1], "scope": key[2], "passed": skipped, **more}
