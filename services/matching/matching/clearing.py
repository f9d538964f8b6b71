"""One clearing: what changed in the book, with the open book around it, becomes the best proposals; one transaction."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis import outbox, tracing
from chassis.database import now
from chassis.rows import array, document
from matching.allocation import Offered
from matching.fairness.asking import lately
from matching.holding import held
from matching.lessons.wanted import UNWANTED, wanted
from matching.proposing import propose
from matching.score import Asked, Key, in_turn, keys_of
from matching.weights.asking import in_force
from matching.weights.declining import WORTH_IT, decline, forget
from matching.weights.sharing import share_out, too_low

WANTED = wanted("needs", "pledges.id")
BATCH = 500
PLEDGES_AT_ONCE = 20
PER_PLEDGE = 100
PER_KEY = 200
EVERYTHING = 2**62
AGAIN = timedelta(milliseconds=20)

# Nothing is ever put off by as much as a minute: what seems to be was written before the clock was set back.
_DUE = text(
    "SELECT side, id, traceparent FROM to_clear WHERE side = :side"
    " AND (due_at <= clock_timestamp() OR due_at > clock_timestamp() + interval '1 minute')"
    " ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED"
)

# Which needs a pledge fits: the category or what is below it (`/` follows the dot), the scope or what is below it (`~` follows digits).
_FITTING_NEEDS = text(
    f"""
    SELECT DISTINCT need.id FROM pledges
    JOIN categories AS asked
      ON asked.category >= pledges.category AND asked.category < pledges.category || '/' AND asked.unit = pledges.unit, LATERAL (
        SELECT id FROM needs
        WHERE category = asked.category AND unit = asked.unit
          AND region >= pledges.scope AND region < pledges.scope || '~' AND NOT ended AND rest > 0
          AND {WANTED} AND {WORTH_IT}
        ORDER BY urgency DESC, posted_at LIMIT {PER_PLEDGE}
    ) AS need
    WHERE pledges.id = ANY(CAST(:ids AS uuid[])) AND NOT pledges.ended AND pledges.rest > 0 AND pledges.valid_until > now()
    """
)
_TAKE_NEEDS = text("SELECT * FROM needs WHERE id = ANY(CAST(:ids AS uuid[])) AND NOT ended AND rest > 0 ORDER BY id FOR UPDATE SKIP LOCKED")
# Not locked: a hundred are looked at for each that is taken. Those taken are held afterwards, if nobody else was there first.
# Every pledge holds a unit at least, so no more of them than units are wanted of a key are looked at; those behind the demand stay away.
# Whatever a need is, a unit from a reliable pledger is worth more to it: theirs come first of one key, and nothing that is best is missed.
_TAKE_PLEDGES = text(
    f"""
    SELECT pledge.*
    FROM json_to_recordset(CAST(:keys AS json)) AS key (category text, unit text, scope text, demand bigint), LATERAL (
        SELECT id, version, pledger_id, category, unit, scope, rest, valid_until, reliability FROM (
            SELECT *, sum(rest) OVER (ORDER BY reliability DESC, offered_at ROWS UNBOUNDED PRECEDING) - rest AS before FROM (
                SELECT id, version, pledger_id, category, unit, scope, rest, valid_until, reliability, offered_at FROM pledges
                WHERE category = key.category COLLATE "C" AND unit = key.unit AND scope = key.scope COLLATE "C"
                  AND NOT ended AND rest > 0 AND valid_until > now() AND id <> ALL(CAST(:wanted_by_nobody AS uuid[]))
                ORDER BY reliability DESC, offered_at LIMIT least({PER_KEY}, key.demand)
            ) AS first
        ) AS summed WHERE before < key.demand
    ) AS pledge
    """
)
_BARRED = text(UNWANTED)

# What still has something fitting open beside it was passed over because somebody else held that, or there was too much for one
# clearing: it stays on the list. Everything else leaves it, and comes back when a change in the book concerns it.
_DONE = text(
    f"""
    WITH due AS (SELECT * FROM unnest(CAST(:sides AS text[]), CAST(:ids AS uuid[])) AS due (side, id)),
    waiting AS (
        SELECT due.side, due.id FROM due JOIN needs ON due.side = 'need' AND needs.id = due.id AND NOT needs.ended AND needs.rest > 0
        WHERE EXISTS (
            SELECT FROM unnest(string_to_array(needs.category, '.')) WITH ORDINALITY AS level (word, depth),
                        unnest(ARRAY[0, 2, 4, 6, 9, 12]) AS length
            JOIN LATERAL (
                SELECT pledges.id FROM pledges
                WHERE pledges.category = array_to_string((string_to_array(needs.category, '.'))[1\\:level.depth], '.') COLLATE "C"
                  AND pledges.unit = needs.unit AND pledges.scope = left(needs.region, length) COLLATE "C"
                  AND NOT pledges.ended AND pledges.rest > 0 AND pledges.valid_until > now()
                  AND {WANTED} AND {WORTH_IT}
                LIMIT 1
            ) AS fitting ON true
        )
        UNION ALL
        SELECT due.side, due.id FROM due
        JOIN pledges ON due.side = 'pledge' AND pledges.id = due.id
          AND NOT pledges.ended AND pledges.rest > 0 AND pledges.valid_until > now()
        WHERE EXISTS (
            SELECT FROM categories AS asked
            JOIN LATERAL (
                SELECT needs.id FROM needs
                WHERE needs.category = asked.category AND needs.unit = asked.unit
                  AND needs.region >= pledges.scope AND needs.region < pledges.scope || '~' AND NOT needs.ended AND needs.rest > 0
                  AND {WANTED} AND {WORTH_IT}
                LIMIT 1
            ) AS fitting ON true
            WHERE asked.category >= pledges.category AND asked.category < pledges.category || '/' AND asked.unit = pledges.unit
        )
    ),
    later AS (
        UPDATE to_clear SET due_at = clock_timestamp() + CAST(:again AS interval) FROM waiting
        WHERE to_clear.side = waiting.side AND to_clear.id = waiting.id
    )
    DELETE FROM to_clear USING due
    WHERE to_clear.side = due.side AND to_clear.id = due.id
      AND NOT EXISTS (SELECT FROM waiting WHERE waiting.side = due.side AND waiting.id = due.id)
    """
)


@dataclass(frozen=True)
class Cleared:
    """How many list entries a clearing looked at, and how many proposals it made."""

    due: int
    proposals: int


def clear(session: Session, answer_within: timedelta, limit: int = BATCH) -> Cleared:
    """Clear up to `limit` entries of the list. Any number may run at once: none waits for another's rows."""
    needs = session.execute(_DUE, {"side": "need", "limit": limit}).all()
    pledges = session.execute(_DUE, {"side": "pledge", "limit": min(limit, PLEDGES_AT_ONCE)}).all()
    if not needs and not pledges:
        return Cleared(0, 0)
    due = [*needs, *pledges]
    with tracing.spans([(f"{row.side} cleared", row.traceparent) for row in due]) as traces:
        outbox.follow(session, traces[0], {row.id: trace for row, trace in zip(due, traces, strict=True)})
        return _clear(session, answer_within, [row.id for row in needs], [row.id for row in pledges])


def clear_for(session: Session, needs: Sequence[UUID], answer_within: timedelta) -> int:
    """Clear for just these needs, on the list or not; returns how many proposals there were."""
    return _clear(session, answer_within, needs, []).proposals


def _clear(session: Session, answer_within: timedelta, due_needs: Sequence[UUID], due_pledges: Sequence[UUID]) -> Cleared:
    at = now()
    need_of = {row.id: row for row in _take_needs(session, due_needs, due_pledges)}
    asked = _asked(session, need_of.values(), at)
    barred = session.execute(_BARRED, {"ids": array(asked)}).all() if asked else []
    pledge_of = {row.id: row for row in _take_pledges(session, asked.values(), barred)}
    pairs = {(row.need_id, row.pledge_id) for row in barred}
    weights = in_force(session, {need.region for need in asked.values()}, at)
    forget(session, asked.keys() & set(due_needs))
    needs, pledges = in_turn(list(asked.values())), [_offered(row) for row in pledge_of.values()]
    low = too_low(needs, pledges, weights)
    decline(session, low, at)
    shares = held(session, lambda left: share_out(needs, left, pairs, weights, low), pledges, pledge_of)
    weighed = {id_: (row, asked[id_]) for id_, row in need_of.items()}
    propose(session, shares, weighed, pledge_of, weights, at, answer_within)
    sides = ["need"] * len(due_needs) + ["pledge"] * len(due_pledges)
    session.execute(_DONE, {"sides": array(sides), "ids": array([*due_needs, *due_pledges]), "again": AGAIN})
    return Cleared(len(sides), len(shares))


def _take_needs(session: Session, due_needs: Sequence[UUID], due_pledges: Sequence[UUID]) -> Sequence[Any]:
    ids = set(due_needs)
    if due_pledges:
        ids |= set(session.scalars(_FITTING_NEEDS, {"ids": due_pledges}))
    return session.execute(_TAKE_NEEDS, {"ids": array(sorted(ids))}).all() if ids else []


def _take_pledges(session: Session, asked: Collection[Asked], barred: Sequence[Any]) -> Sequence[Any]:
    """The most reliable and oldest pledges of every key that somebody of the batch may get something of."""
    wanting: dict[Key, set[UUID]] = defaultdict(set)
    for need in asked:
        for key in keys_of(need):
            wanting[key].add(need.id)
    if not wanting:
        return []
    barred_for: dict[tuple[UUID, Key], set[UUID]] = defaultdict(set)
    for row in barred:
        barred_for[row.pledge_id, _key(row)].add(row.need_id)
    # Left out in the query, lest a need with many barred pledges never sees the others behind them.
    nobody = [pledge for (pledge, key), needs in barred_for.items() if wanting[key] <= needs]
    rest_of = {need.id: need.rest for need in asked}
    # What is barred for some may be no help to the others: of such a key everything is looked at.
    particular = {key for _, key in barred_for}
    demands = {key: EVERYTHING if key in particular else sum(map(rest_of.__getitem__, wanting[key])) for key in sorted(wanting)}
    keys = [{"category": key[0], "unit": key[1], "scope": key[2], "demand": demand} for key, demand in demands.items()]
    return session.execute(_TAKE_PLEDGES, {"keys": document(keys), "wanted_by_nobody": nobody}).all()


def _asked(session: Session, rows: Collection[Any], at: datetime) -> dict[UUID, Asked]:
    """The needs by id, each with how its village and household fared. What is asked here was published, even if it is not counted yet."""
    known, here = lately(session, rows), Counter(row.region for row in rows)
    return {
        row.id: Asked(
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


def _offered(row: Any) -> Offered:
    return Offered(row.id, _key(row), row.rest, row.reliability)


def _key(pledge: Any) -> Key:
    return pledge.category, pledge.unit, pledge.scope
