"""Moving rows to the successors of their regions: which columns of a service hold codes, and the timer that rewrites them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import InstrumentedAttribute, Session

from chassis.data.appointments import appointments
from chassis.data.bulk_sql import encode_array
from chassis.data.regions import resolve_regions

CODES, ROWS, BATCHES = 500, 2_000, 5
"""The most codes at a time, rows of each column in a batch, and batches in a transaction."""
SETTLED_AFTER = timedelta(minutes=5)
"""Rows are looked for once more after this time: a transaction that began before the change was recorded may have written some."""

_IS_DUE = text("SELECT EXISTS (SELECT FROM region_changes WHERE due_at <= now())")
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('chassis.region_moves'))")
_DUE = text("SELECT code FROM region_changes WHERE due_at <= now() ORDER BY due_at, code LIMIT :codes")
_SETTLE = text(
    "UPDATE region_changes SET due_at = CASE WHEN recorded_at + :settled_after > now() THEN recorded_at + :settled_after END"
    " WHERE code = ANY(CAST(:codes AS text[]))"
)

Move = Callable[[Session, Mapping[str, str], int], int]
"""Moves at most so many rows from each code to its successor, in the session's transaction; returns their number."""


@dataclass(frozen=True)
class RegionMove:
    """A way to move rows, and the columns (`table.column`) that it keeps free of ended codes."""

    covers: tuple[str, ...]
    move: Move


def move_column(column: InstrumentedAttribute[Any] | Any, unless: str = "", *, is_setting: bool = False) -> RegionMove:
    """Return the move of one column of a mapped class or table: an UPDATE of the rows with an ended code, in the order of their keys.

    `unless` is an SQL condition on the row `held` and on `change.after`, its successor: such rows stay, because another one is there. Then
    codes of one successor are moved one after the other. `is_setting` moves all rows of a code at once, as versions of one setting.
    """
    [stored] = column.property.columns if isinstance(column, InstrumentedAttribute) else [column]
    table, name = stored.table, stored.name
    keys = [key.name for key in table.primary_key]
    chosen, same = ", ".join(f"held.{key} AS key_{key}" for key in keys), " AND ".join(f"held.{key} = key_{key}" for key in keys)
    # Rows are chosen by the index on the region, whatever their keys; only then are they ordered and locked.
    statement = text(
        f"""
        WITH chosen AS MATERIALIZED (
            SELECT {chosen}, change.before, change.after
            FROM unnest(CAST(:before AS text[]), CAST(:after AS text[])) AS change (before, after)
            JOIN {table.name} AS held ON held.{name} = change.before COLLATE "C" {f"AND NOT ({unless})" if unless else ""}
            {"" if is_setting else "LIMIT :rows"}
        ),
        moving AS (
            SELECT chosen.* FROM chosen JOIN {table.name} AS held ON {same}
            ORDER BY {", ".join(f"key_{key}" for key in keys)} FOR UPDATE OF held
        )
        UPDATE {table.name} AS held SET {name} = moving.after FROM moving WHERE {same} AND held.{name} = moving.before COLLATE "C"
        """
    )

    def move(session: Session, after: Mapping[str, str], rows: int) -> int:
        given = {} if is_setting else {"rows": rows}
        rounds = _one_by_one(after) if unless else [after]
        return sum(session.execute(statement, array_parameters(one) | given).rowcount for one in rounds)  # type: ignore[attr-defined]

    return RegionMove((f"{table.name}.{name}",), move)


def _one_by_one(after: Mapping[str, str]) -> list[dict[str, str]]:
    """Split changes so that no two of a part have the same successor."""
    rounds: list[dict[str, str]] = []
    places = Counter[str]()
    for code, successor in after.items():
        if places[successor] == len(rounds):
            rounds.append({})
        rounds[places[successor]][code] = successor
        places[successor] += 1
    return rounds


def array_parameters(after: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters `before` and `after` of a statement: two arrays of codes, in the same order."""
    return {"before": encode_array(after), "after": encode_array(after.values())}


OF_CHASSIS = (move_column(appointments.c.region),)
"""The moves that every service has."""


def move_due(session: Session, moves: tuple[RegionMove, ...]) -> int:
    """Move a limited number of rows whose region has one successor; return their number.

    A code is done when nothing is left of it, and settled when nothing was left `SETTLED_AFTER` later either. One process at a time moves.
    """
    if not session.scalar(_IS_DUE) or not session.scalar(_LOCK):
        return 0
    due = session.scalars(_DUE, {"codes": CODES}).all()
    found = resolve_regions(session, due)
    after = {code: one.code for code, one in found.items() if one.state == "present" and one.code != code}
    total = 0
    for _ in range(BATCHES if after else 0):
        moved = sum(one.move(session, after, ROWS) for one in (*moves, *OF_CHASSIS))
        total += moved
        if not moved:
            break
    else:
        if after:
            return total
    session.execute(_SETTLE, {"codes": encode_array(due), "settled_after": SETTLED_AFTER})
    return total
