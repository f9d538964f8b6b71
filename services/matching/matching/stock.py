"""What is open of the keys that a clearing's needs want: the pledges it takes, and whether any is left that it did not take."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.rows import array, document
from matching.score import Key
from matching.wanting import Wanting, key_of

PER_KEY = 200

# Of a key whose needs lessons tell apart, who wants it is stated; of all others, which are by far the most, only how much of it is wanted.
_APART = """
    json_to_recordset(CAST(:keys AS json))
    AS key (category text, unit text, scope text, demand bigint, passed uuid[], areas text[], items text[], places text[], things text[])
"""
_ALIKE = """
    (
        SELECT of.*, CAST(:passed AS uuid[]) AS passed, CAST(NULL AS text[]) AS areas, CAST(NULL AS text[]) AS items,
            CAST(NULL AS text[]) AS places, CAST(NULL AS text[]) AS things
        FROM unnest(CAST(:categories AS text[]), CAST(:units AS text[]), CAST(:scopes AS text[]), CAST(:demands AS bigint[]))
        AS of (category, unit, scope, demand)
    ) AS key
"""
_OPEN = """
    category = key.category COLLATE "C" AND unit = key.unit AND scope = key.scope COLLATE "C"
    AND NOT ended AND rest > 0 AND valid_until > now() AND id <> ALL(key.passed)
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
_TAKE, _TAKE_APART = (
    text(
        f"""
    SELECT pledge.* FROM {keys}, LATERAL (
        SELECT id, version, pledger_id, category, unit, scope, rest, valid_until, reliability, not_for FROM (
            SELECT *, sum(for_all) OVER (ORDER BY reliability DESC, offered_at ROWS UNBOUNDED PRECEDING) - for_all AS before FROM (
                SELECT id, version, pledger_id, category, unit, scope, rest, valid_until, reliability, not_for, offered_at,
                    CASE WHEN not_for && key.areas OR not_for && key.items THEN 0 ELSE rest END AS for_all FROM pledges
                WHERE {_OPEN} AND {_FOR_SOMEBODY}
                ORDER BY reliability DESC, offered_at
                LIMIT CASE WHEN key.areas IS NULL THEN least({PER_KEY}, key.demand) ELSE {PER_KEY} END
            ) AS first
        ) AS summed WHERE before < key.demand
    ) AS pledge
    """
    )
    for keys in (_ALIKE, _APART)
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


def take(session: Session, wanting: Wanting) -> Mapping[UUID, Any]:
    """The most reliable and oldest pledges of every key, as far as somebody may get something of them; nothing is locked.

    A key of which lessons keep some of the needs away is looked at once more, as one where those are told apart.
    """
    passed, demands = wanting.by_nobody(), wanting.demands()
    taken = _alike(session, demands, [pledge for pledges in passed.values() for pledge in pledges]) if demands else []
    apart = {key_of(row) for row in taken if row.not_for and wanting.concerns(row.not_for)}
    if apart:
        more = [_row(key, passed.get(key, ()), demand=demands[key], **wanting.classes(key)) for key in sorted(apart)]
        told_apart = session.execute(_TAKE_APART, {"keys": document(more)}).all()
        taken = [*(row for row in taken if key_of(row) not in apart), *told_apart]
    return {row.id: row for row in taken}


def _alike(session: Session, demands: Mapping[Key, int], passed: Collection[UUID]) -> Sequence[Any]:
    categories, units, scopes = zip(*demands, strict=True)
    keys = {"categories": array(categories), "units": array(units), "scopes": array(scopes), "demands": array(demands.values())}
    return session.execute(_TAKE, keys | {"passed": array(passed)}).all()


def beside(session: Session, wanting: Wanting, lying: Collection[Any]) -> list[UUID]:
    """The needs, in their order, that may get something still: of what is `lying` there of pledges that were taken, or of others."""
    passed = wanting.by_nobody()
    found: set[UUID] = set()
    seen: dict[Key, list[UUID]] = defaultdict(list)
    for key, barred in {(key_of(row), wanting.barred(row.id, row.not_for)) for row in lying}:
        found |= wanting.who_want(key) - barred
    for row in lying:
        seen[key_of(row)].append(row.id)
    keys = [_row(key, [*passed.get(key, ()), *seen[key]], **wanting.classes(key)) for key in wanting.by_key]
    for row in session.execute(_LEFT, {"keys": document(keys)}).all() if keys else ():
        found |= wanting.who_want(key_of(row))
    return [need for need in wanting.needs if need in found]


def _row(key: Key, passed: Collection[UUID], **more: Any) -> dict[str, Any]:
    return {"category": key[0], "unit": key[1], "scope": key[2], "passed": passed, **more}
