"""Counting: the stale days of regions are counted again, and the differences added to all regions around them.

Handlers only store facts and mark their subjects; the counts follow within a second. So counts do not depend on the order or the
repetition of events, and no two handlers wait for each other at the country's row of today.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, any_, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from insight.days import month_of, week_of
from insight.model import BOUNDS, GIVERS, MEASURES, Household, Person, Stale

BATCH = 5000
AT_ONCE = 4
Cell = tuple[str, date]

KINDS = ("act", "household", "need", "objection", "person")
"""The kinds counted here. Kinds of a later release stay for that release, while both run or this one comes back."""

_LOCK = select(func.pg_try_advisory_xact_lock(func.hashtext("insight.counting")))
_OLDEST = select(Stale.id).where(Stale.kind.in_(KINDS)).order_by(Stale.id).limit(BATCH)
_TAKE = delete(Stale).where(Stale.id.in_(_OLDEST)).returning(Stale.kind, Stale.thing)
# Raw SQL, since one statement unites the cells of all kinds.
_CONCERNED = text(
    """
    SELECT region, day FROM needs WHERE id = ANY(:need) AND day IS NOT NULL
    UNION SELECT region, ended_on FROM needs WHERE id = ANY(:need) AND state = 'rejected'
    UNION SELECT region, day FROM objections WHERE id = ANY(:objection) AND day IS NOT NULL
    UNION SELECT needs.region, needs.day FROM matches JOIN needs ON needs.id = need_id
        WHERE pledger_id = ANY(:person) AND needs.day IS NOT NULL
    UNION SELECT place, day FROM people, unnest(ARRAY[region, counted]) AS place WHERE id = ANY(:person) AND place IS NOT NULL
    UNION SELECT place, day FROM households, unnest(ARRAY[region, counted]) AS place
        WHERE id = ANY(:household) AND place IS NOT NULL AND day IS NOT NULL
    """
)
# Raw SQL, since the update returns the regions of before and after.
_PLACE_ACTIVITY = text(
    """
    WITH moving AS (
        SELECT person_id, acts.day, acts.region AS before, people.region AS after FROM acts JOIN people ON people.id = person_id
        WHERE person_id = ANY(:actors) AND acts.region IS DISTINCT FROM people.region AND kind <> 'staff'
    ), moved AS (
        UPDATE acts SET region = after FROM moving WHERE acts.person_id = moving.person_id AND acts.day = moving.day
    )
    SELECT place, day FROM moving, unnest(ARRAY[before, after]) AS place WHERE place IS NOT NULL
    """
)


def count_stale(session: Session) -> int:
    """Count a limited part of what is stale again; return the number of marks taken, 0 while another process counts."""
    if not session.scalar(_LOCK):
        return 0
    marks = 0
    for _ in range(AT_ONCE):
        marked = session.execute(_TAKE, execution_options={"synchronize_session": False}).all()
        marks += len(marked)
        things: dict[str, set[UUID]] = defaultdict(set)
        for mark in marked:
            things[mark.kind].add(mark.thing)
        count_cells(session, _stale_cells(session, things))
        if len(marked) < BATCH:
            break
    return marks


def _stale_cells(session: Session, things: dict[str, set[UUID]]) -> set[Cell]:
    """Find the regions and days with counts that may have changed, and note where people and households are counted from now on."""
    stated = {kind: sorted(things[kind]) for kind in ("need", "person", "household", "objection")}
    cells = _cells(session.execute(_CONCERNED, stated))
    acts = _cells(session.execute(_PLACE_ACTIVITY, {"actors": sorted(things["person"] | things["act"])}))
    for entity, ids in ((Person, stated["person"]), (Household, stated["household"])):
        moved = update(entity).where(entity.id == any_(literal(ids, ARRAY(Uuid))), entity.counted.is_distinct_from(entity.region))
        session.execute(moved.values(counted=entity.region), execution_options={"synchronize_session": False})
    return cells | {(region, start) for region, day in acts for start in (day, week_of(day), month_of(day))}


def _cells(rows: Iterable[Any]) -> set[Cell]:
    return {(region, day) for region, day in rows}


def count_cells(session: Session, cells: set[Cell]) -> None:
    """Count these regions and days again, and add the differences to all regions around. The caller holds the lock."""
    if cells:
        listed = sorted(cells)
        session.execute(_COUNT, {"regions": [region for region, _ in listed], "days": [day for _, day in listed]})


_NAMES = ", ".join(MEASURES)
_ACCEPTED = "matches.state IN ('accepted', 'need_ended', 'sent', 'received', 'closed')"
_MET = "least(met, needs.quantity)"
_FRESH = {
    "registered": "(SELECT count(*) FROM people WHERE region = cell.region AND day = cell.day AND kind <> 'staff')",
    "households": "(SELECT count(*) FROM households WHERE region = cell.region AND day = cell.day AND NOT is_void)",
    "rejected": "(SELECT count(*) FROM needs WHERE region = cell.region AND ended_on = cell.day AND state = 'rejected')",
    **{
        f"{kind}s{state}": f"(SELECT count(*) FROM objections WHERE region = cell.region AND day = cell.day AND kind = '{kind}'{only})"
        for kind in ("dispute", "appeal")
        for state, only in (("", ""), ("_open", " AND NOT is_over"))
    },
    "active_day": "(SELECT count(*) FROM acts WHERE region = cell.region AND day = cell.day)",
    "active_week": "(SELECT count(DISTINCT person_id) FROM acts WHERE region = cell.region AND extract(isodow FROM cell.day) = 1"
    " AND day BETWEEN cell.day AND cell.day + 6)",
    "active_month": "(SELECT count(DISTINCT person_id) FROM acts WHERE region = cell.region AND extract(day FROM cell.day) = 1"
    " AND day >= cell.day AND day < cell.day + interval '1 month')",
}
_OF_NEEDS = {
    "needs": "count(*)",
    "withdrawn": "count(*) FILTER (WHERE needs.state = 'withdrawn')",
    "closed": "count(*) FILTER (WHERE needs.state IN ('closed', 'met_elsewhere'))",
    "helped": "count(*) FILTER (WHERE met > 0)",
    "met_elsewhere": "count(*) FILTER (WHERE needs.state = 'met_elsewhere' AND met = 0)",
    "matches": "sum(accepted)",
    "refused": "sum(refused)",
    "lapsed": "sum(lapsed)",
    "delivered": "count(*) FILTER (WHERE arrived > 0)",
    "weight": "sum(urgency * value)",
    "weight_met": f"sum(round(urgency * value * {_MET} / needs.quantity))",
    "weight_delivered": "sum(round(urgency * value * least(arrived, needs.quantity) / needs.quantity))",
    "value_government": f"coalesce(sum(value - round(value * {_MET} / needs.quantity)) FILTER (WHERE needs.state = 'met_elsewhere'), 0)"
    " + coalesce(sum(round(value * met_officials / needs.quantity)), 0)",
    "helped_government": "count(*) FILTER (WHERE met_officials > 0 OR needs.state = 'met_elsewhere' AND met < needs.quantity)",
    **{f"helped_{kind}": f"count(*) FILTER (WHERE met_{kind} > 0)" for kind in GIVERS},
    **{f"value_{kind}": f"sum(round(value * met_{kind} / needs.quantity))" for kind in GIVERS},
    **{f"within_{days}": f"count(*) FILTER (WHERE first - needs.day <= {days})" for days in BOUNDS},
}
_BY_KIND = ", ".join(f"coalesce(sum(matches.quantity) FILTER (WHERE {_ACCEPTED} AND kind = '{kind}'), 0) AS met_{kind}" for kind in GIVERS)
_BY_KIND += f", coalesce(sum(matches.quantity) FILTER (WHERE {_ACCEPTED} AND kind IN ('cadre', 'work_unit')), 0) AS met_officials"
# Raw SQL, since one statement counts all measures and adds their differences.
_COUNT = text(
    f"""
    WITH cell AS (SELECT * FROM unnest(CAST(:regions AS text[]) COLLATE "C", CAST(:days AS date[])) AS cell (region, day)),
    fresh AS (
        SELECT cell.region, cell.day, {", ".join(f"coalesce({_FRESH.get(name, name)}, 0) AS {name}" for name in MEASURES)}
        FROM cell CROSS JOIN LATERAL (
            SELECT {", ".join(f"{found} AS {name}" for name, found in _OF_NEEDS.items())}
            FROM needs CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE {_ACCEPTED}) AS accepted,
                    count(*) FILTER (WHERE matches.state = 'refused') AS refused,
                    count(*) FILTER (WHERE matches.state = 'lapsed') AS lapsed,
                    coalesce(sum(matches.quantity) FILTER (WHERE {_ACCEPTED}), 0) AS met,
                    coalesce(sum(matches.received), 0) AS arrived,
                    min(accepted_on) FILTER (WHERE {_ACCEPTED}) AS first, {_BY_KIND}
                FROM matches LEFT JOIN people ON people.id = pledger_id WHERE need_id = needs.id
            ) AS found
            WHERE needs.region = cell.region AND needs.day = cell.day
        ) AS of_needs
    ),
    change AS (
        SELECT fresh.region, fresh.day, {", ".join(f"fresh.{name} - coalesce(own.{name}, 0) AS {name}" for name in MEASURES)}
        FROM fresh LEFT JOIN own ON own.region = fresh.region AND own.day = fresh.day
    ),
    kept AS (
        INSERT INTO own (region, day, {_NAMES}) SELECT region, day, {_NAMES} FROM fresh
        ON CONFLICT (region, day) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in MEASURES)}
    ),
    around AS (
        SELECT level, left(region, level) AS region, day, {", ".join(f"sum({name}) AS {name}" for name in MEASURES)}
        FROM change CROSS JOIN unnest(ARRAY[0, 2, 4, 6, 9, 12]) AS level
        WHERE level <= length(region) AND ({" OR ".join(f"{name} <> 0" for name in MEASURES)}) GROUP BY 1, 2, 3
    )
    INSERT INTO totals (level, region, day, {_NAMES}) SELECT level, region, day, {_NAMES} FROM around
    ON CONFLICT (level, region, day) DO UPDATE SET {", ".join(f"{name} = totals.{name} + excluded.{name}" for name in MEASURES)}
    """
)
