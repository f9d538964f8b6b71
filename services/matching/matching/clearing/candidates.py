"""Candidate pledges for one clearing."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import array, document
from matching.allocation.score import Key
from matching.allocation.solver import Supply
from matching.clearing.eligibility import Eligibility, key_of_pledge

PER_KEY = 200

# Of a key whose needs lessons tell apart, who wants it is stated; of all others, which are by far the most, only how much of it is wanted.
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
# Others are left out here, lest a need with many pledges that are not for it never sees those behind them. Who wants the key is looked
# through one by one only where a pledge is for some of the items and not for others.
_FOR_SOMEBODY = """
    (not_for = '{}' OR key.areas IS NULL OR CASE
        WHEN NOT not_for && key.items THEN NOT key.areas <@ not_for
        WHEN key.items <@ not_for THEN false
        ELSE EXISTS (SELECT FROM unnest(key.places, key.things) AS of (place, thing) WHERE place <> ALL(not_for) AND thing <> ALL(not_for))
    END)
"""
# Not locked: a hundred are looked at for each that is taken. Those taken are held afterwards, if nobody else was there first.
# Every pledge holds a unit at least, so no more of them than units are wanted of a key are looked at; those behind the demand stay away.
# Whatever a need is, a unit from a reliable pledger is worth more to it: theirs come first of one key, and nothing that is best is missed.
# What is not for everybody who wants the key may be no help to some, and covers nothing of the demand.
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
# The first of a key mostly covers what is wanted of it, and is found at half the cost.
_FIRST = text(
    f"""
    SELECT key.place, pledge.* FROM {_ALIKE}, LATERAL (
        SELECT {_COLUMNS} FROM pledges WHERE {_OPEN} ORDER BY reliability DESC, offered_at LIMIT 1
    ) AS pledge
    """
)
# In order too, since that is how the index has them: the planner would rather read all pledges for each key of which there are none.
_LEFT = text(
    f"""
    SELECT key.category, key.unit, key.scope FROM {_APART}
    JOIN LATERAL (
        SELECT FROM pledges WHERE {_OPEN} AND {_FOR_SOMEBODY} ORDER BY reliability DESC, offered_at LIMIT 1
    ) AS pledge ON true
    """
)


class CandidatePledge(Supply, frozen=True, kw_only=True):
    """A pledge as it was read."""

    version: int
    not_for: list[str]


def load_candidates(session: Session, wanting: Eligibility) -> dict[UUID, CandidatePledge]:
    """The most reliable and oldest pledges of every key, as far as somebody may get something of them; nothing is locked.

    A key of which lessons keep some of the needs away is looked at once more, as one where those are told apart.
    """
    passed, demands = wanting.useless_pledges(), wanting.demand_by_key()
    nothing = [pledge for pledges in passed.values() for pledge in pledges]
    taken = _alike(session, _FIRST, demands, nothing)
    short = {one.key: demands[one.key] for one in taken if one.rest < demands[one.key]}
    taken = [*(one for one in taken if one.key not in short), *_alike(session, _TAKE, short, nothing)]
    apart = sorted({one.key for one in taken if one.not_for and wanting.excludes_any(one.not_for)})
    if apart:
        rows = [_row(key, passed.get(key, ()), demand=demands[key], **wanting.distinctions(key)) for key in apart]
        places = [row | {"place": place} for place, row in enumerate(rows, 1)]
        told_apart = _read(session, _TAKE_APART, apart, {"keys": document(places)})
        taken = [*(one for one in taken if one.key not in apart), *told_apart]
    return {one.id: one for one in taken}


def _alike(session: Session, question: TextClause, demands: Mapping[Key, int], passed: Collection[UUID]) -> list[CandidatePledge]:
    if not demands:
        return []
    categories, units, scopes = zip(*demands, strict=True)
    keys = {"categories": array(categories), "units": array(units), "scopes": array(scopes), "demands": array(demands.values())}
    return _read(session, question, list(demands), keys | {"passed": array(passed)})


def _read(session: Session, question: TextClause, keys: Sequence[Key], asked: Mapping[str, Any]) -> list[CandidatePledge]:
    return [
        CandidatePledge(id_, keys[place - 1], rest, reliability, version=version, not_for=not_for)
        for place, id_, version, rest, reliability, not_for in session.execute(question, asked).all()
    ]


def find_servable_needs(session: Session, wanting: Eligibility, lying: Collection[CandidatePledge]) -> list[UUID]:
    """The needs, in their order, that may get something still: of what is `lying` there of pledges that were taken, or of others."""
    passed = wanting.useless_pledges()
    found: set[UUID] = set()
    seen: dict[Key, list[UUID]] = defaultdict(list)
    for key, barred in {(one.key, wanting.excluded_needs(one.id, one.not_for)) for one in lying}:
        found |= wanting.needs_for_key(key) - barred
    for one in lying:
        seen[one.key].append(one.id)
    keys = [_row(key, [*passed.get(key, ()), *seen[key]], **wanting.distinctions(key)) for key in wanting.by_key]
    for row in session.execute(_LEFT, {"keys": document(keys)}).all() if keys else ():
        found |= wanting.needs_for_key(key_of_pledge(row))
    return [need for need in wanting.needs if need in found]


def _row(key: Key, passed: Collection[UUID], **more: Any) -> dict[str, Any]:
    return {"category": key[0], "unit": key[1], "scope": key[2], "passed": passed, **more}
