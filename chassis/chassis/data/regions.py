"""Division codes as a service knows them: the shipped edition, and on top of it the changes that users publishes."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, get_type_hints
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import BigInteger, Column, Date, Index, String, Table, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array, encode_rows
from chassis.data.database import Database, Moment, RegionCode, tables
from contracts.event import Event, Region
from contracts.regions import ancestors, is_shaped
from contracts.regions.resolution import Change, Lookup, Resolution, no_changes, resolve
from contracts.users import RegionListed, RegionSucceeded

_IDS = UUID("7d1f0f0a-2c6e-5b0e-8a53-0c7c2b8a5109")
_lookup: ContextVar[Lookup] = ContextVar("regions_lookup", default=no_changes)

MOST_PREDECESSORS, MOST_REMEMBERED = 1_000, 10_000

region_changes = Table(
    "region_changes",
    tables,
    Column("code", RegionCode, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", String(100), nullable=False),
    Column("valid_from", Date),
    Column("valid_until", Date),
    Column("successors", ARRAY(RegionCode), nullable=False, server_default="{}"),
    Column("recorded_at", Moment, nullable=False, server_default=func.now()),
    Column("due_at", Moment),
)
"""Codes that changed after the shipped edition. An ended one has `valid_until`; rows are moved to its successor when `due_at` comes."""
Index("region_changes_due_at", region_changes.c.due_at, postgresql_where=region_changes.c.due_at.is_not(None))

# As plain SQL, this takes half the processor time of the same statement as `text`, which each request that names a region would spend.
_FIND = "SELECT code, name, valid_until, successors FROM region_changes WHERE code = ANY(CAST(%(codes)s AS text[]))"
_FIND_PREDECESSORS = text(
    """
    WITH RECURSIVE earlier (code) AS (
        SELECT code FROM region_changes
        WHERE cardinality(successors) = 1 AND successors[1] >= :code COLLATE "C" AND successors[1] <= :code || '~' COLLATE "C"
        UNION SELECT change.code FROM region_changes AS change JOIN earlier
            ON cardinality(change.successors) = 1 AND change.successors[1] = earlier.code
    )
    SELECT code FROM earlier WHERE NOT starts_with(code, :code) ORDER BY length(code), code LIMIT :most
    """
)
_RECORD = text(
    """
    INSERT INTO region_changes (code, id, version, name, valid_from, valid_until, successors, due_at)
    SELECT code, id, version, name, valid_from, valid_until, successors, CASE WHEN cardinality(successors) = 1 THEN now() END
    FROM json_populate_recordset(CAST(NULL AS region_changes), CAST(:rows AS json))
    ON CONFLICT (code) DO UPDATE SET version = excluded.version, name = excluded.name,
        valid_from = coalesce(excluded.valid_from, region_changes.valid_from), valid_until = excluded.valid_until,
        successors = excluded.successors, recorded_at = now(), due_at = excluded.due_at
    WHERE region_changes.version < excluded.version
    """
)


def id_of(code: str) -> UUID:
    """Return the id by which events name a code."""
    return uuid5(_IDS, code)


def record(session: Session, events: Sequence[RegionListed | RegionSucceeded]) -> None:
    """Record changes of codes in any order and however often; an older version changes nothing."""
    newest: dict[str, RegionListed | RegionSucceeded] = {}
    for event in sorted(events, key=lambda event: (event.code, event.version)):
        newest[event.code] = event
    rows = [
        {
            "code": event.code,
            "id": event.region_id,
            "version": event.version,
            "name": event.region_name,
            "valid_from": event.valid_from if isinstance(event, RegionListed) else None,
            "valid_until": event.valid_until if isinstance(event, RegionSucceeded) else None,
            "successors": event.successors if isinstance(event, RegionSucceeded) else [],
        }
        for event in newest.values()
    ]
    if rows:
        session.execute(_RECORD, {"rows": encode_rows(rows)})


def find_changes(session: Session, codes: Collection[str]) -> Mapping[str, Change]:
    """Find the recorded changes of these codes."""
    rows = session.connection().exec_driver_sql(_FIND, {"codes": encode_array(sorted(codes))}) if codes else ()
    return {row.code: Change(row.name, row.valid_until.isoformat() if row.valid_until else "", tuple(row.successors)) for row in rows}


def resolve_region(session: Session, code: str) -> Resolution:
    """Resolve a code by what this service knows today."""
    return resolve_regions(session, [code])[code]


def resolve_regions(session: Session, codes: Collection[str]) -> dict[str, Resolution]:
    """Resolve many codes: with one query for all of them, and one more for each step to successors that changed too."""
    known: dict[str, Change] = {}
    looked_up: set[str] = set()

    def look_up(asked: Collection[str]) -> Mapping[str, Change]:
        if missing := [code for code in asked if code not in looked_up]:
            known.update(find_changes(session, missing))
            looked_up.update(missing)
        return {code: known[code] for code in asked if code in known}

    shaped = [code for code in codes if is_shaped(code)]
    look_up({one for code in shaped for one in (code, *ancestors(code))})
    return {code: resolve(code, look_up) for code in codes}


def find_predecessors(session: Session, code: str) -> list[str]:
    """Find the codes outside of a region that ended in favour of it, or of one below, alone; without those below others of them.

    The widest `MOST_PREDECESSORS` are looked at.
    """
    found: list[str] = []
    for one in session.scalars(_FIND_PREDECESSORS, {"code": code, "most": MOST_PREDECESSORS}) if code else ():
        if not one.startswith(tuple(found)):
            found.append(one)
    return found


class RememberedChanges:
    """Changes of codes as they were looked up within the last `seconds`, for the questions of guests."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[tuple[str, ...], tuple[float, Mapping[str, Change]]] = {}

    def find(self, session: Session, codes: Collection[str]) -> Mapping[str, Change]:
        """Find the changes of these codes, by a query unless they were looked up just now."""
        key, at = tuple(codes), time.monotonic()
        kept = self._kept.get(key)
        if kept is None or kept[0] <= at:
            if len(self._kept) >= MOST_REMEMBERED:
                self._kept.clear()
            kept = self._kept[key] = (at + self._seconds, find_changes(session, codes))
        return kept[1]


@contextmanager
def regions_of_session(session: Session, remembered: RememberedChanges | None = None) -> Iterator[None]:
    """Let the field `Region` resolve codes by this session until the end of the block, or by what is remembered."""
    with _resolving_by(partial(remembered.find if remembered else find_changes, session)):
        yield


@contextmanager
def regions_of_database(database: Database) -> Iterator[Callable[[Iterable[str]], None]]:
    """Let the field `Region` resolve codes by short transactions of their own until the end of the block, for work that takes long.

    Each code is looked up once. The block gets a function that looks many up at once, before the field asks for them.
    """
    known: dict[str, Change | None] = {}

    def find(codes: Collection[str]) -> Mapping[str, Change]:
        if missing := [code for code in codes if code not in known]:
            with database.begin() as session:
                found = find_changes(session, missing)
            known.update((code, found.get(code)) for code in missing)
        return {code: change for code in codes if (change := known[code])}

    def look_up(codes: Iterable[str]) -> None:
        find({one for code in set(codes) if is_shaped(code) for one in (code, *ancestors(code))})

    with _resolving_by(find):
        yield look_up


@contextmanager
def _resolving_by(lookup: Lookup) -> Iterator[None]:
    token = _lookup.set(lookup)
    try:
        yield
    finally:
        _lookup.reset(token)


def resolve_here(code: str) -> Resolution:
    """Resolve a code by what `regions_of_session` or `regions_of_database` looks up; without them by the shipped edition alone."""
    return resolve(code, _lookup.get())


def with_present_codes(session: Session, events: list[Event]) -> list[Event]:
    """Replace codes in events that have exactly one successor by now, so that a late event brings no earlier code back."""
    if all(isinstance(event, RegionListed | RegionSucceeded) for event in events):
        return events
    stated = {getattr(event, name) for event in events for name in _region_fields(type(event))} - {""}
    changed = {code for code, change in find_changes(session, sorted(stated)).items() if change.ended} if stated else set()
    if not changed:
        return events
    after = {code: one.code for code, one in resolve_regions(session, changed).items() if one.state == "present"}
    return [_replace_codes(event, after) for event in events]


def _replace_codes(event: Event, after: Mapping[str, str]) -> Event:
    replaced = {name: after[getattr(event, name)] for name in _region_fields(type(event)) if getattr(event, name) in after}
    return msgspec.structs.replace(event, **replaced) if replaced else event


@cache
def _region_fields(event: type[Event]) -> tuple[str, ...]:
    """Return the fields of an event that hold the code of a region."""
    [meaning] = Region.__metadata__  # type: ignore[attr-defined]
    hints: dict[str, Any] = get_type_hints(event, include_extras=True)
    return tuple(name for name, hint in hints.items() if meaning in getattr(hint, "__metadata__", ()))
