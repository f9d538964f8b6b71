"""Importing another edition of the division codes: all of it or nothing, with the events that tell every service."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data import audit_log, regions
from chassis.data.audit_log import Actor, Entry
from chassis.data.bulk_sql import encode_array
from chassis.messaging import outbox
from contracts.users import RegionListed, RegionSucceeded
from users.regions.editions import Plan, describe
from users.regions.model import RegionImport
from users.regions.spelling import TOWN_DIGITS, spellings

R = TypeVar("R")
BATCH = 2_000
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('users.region_imports'))")
_VERSIONS = text("SELECT code, version FROM region_changes WHERE code = ANY(CAST(:codes AS text[]))")
_REMOVE = (
    text("DELETE FROM regions WHERE code = ANY(CAST(:codes AS text[]))"),
    text("DELETE FROM region_spellings WHERE code = ANY(CAST(:codes AS text[]))"),
)
_ADD = text(
    "INSERT INTO regions (code, name) SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:names AS text[]))"
    " ON CONFLICT (code) DO UPDATE SET name = excluded.name"
)
_SPELL = text(
    "INSERT INTO region_spellings (key, code) SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:codes AS text[])) ON CONFLICT DO NOTHING"
)


def today() -> date:
    """Return the present day in China, by which codes begin and end."""
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()


def lock_imports(session: Session) -> None:
    """Let imports take turns, from the reading of what counts to the commit."""
    session.execute(_LOCK)


def allow_long_pauses(session: Session) -> None:
    """Let this transaction compute for longer than a request may, between two statements: a whole edition has 660,000 rows."""
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def import_plan(session: Session, actor: Actor, actor_id: UUID | None, plan: Plan) -> None:
    """Carry out a plan that refuses nothing: change the register, publish and record each changed code. Does nothing for an empty plan."""
    events = _make_events(session, plan)
    if not events:
        return
    _change_register(session, plan)
    regions.record(session, events)
    for batch in _batches(events):
        outbox.add(session, *batch)
    counts = {name: count for name, count in describe(plan, "en")["counts"].items() if name != "refused"}
    done = RegionImport(imported_by=actor_id, counts=counts)
    session.add(done)
    session.flush()
    audit_log.record(session, actor, Entry(act="import_regions", subject="region_import", subject_id=done.id, details=counts))


def _make_events(session: Session, plan: Plan) -> list[RegionListed | RegionSucceeded]:
    codes = sorted({*plan.new, *plan.renamed, *plan.ended})
    versions = {row.code: row.version for row in session.execute(_VERSIONS, {"codes": encode_array(codes)})}
    stated = {code: {"version": versions.get(code, 0) + 1, "region_id": regions.id_of(code), "code": code} for code in codes}
    listed = [
        RegionListed(**stated[code], region_name=name, valid_from=plan.days[code]) for code, name in {**plan.new, **plan.renamed}.items()
    ]
    ended = [
        RegionSucceeded(**stated[code], region_name=plan.names[code], valid_until=plan.days[code], successors=list(successors))
        for code, successors in plan.ended.items()
    ]
    return [*listed, *ended]


def _change_register(session: Session, plan: Plan) -> None:
    for codes in _batches([*plan.ended, *plan.renamed]):
        for statement in _REMOVE:
            session.execute(statement, {"codes": encode_array(codes)})
    for pairs in _batches([*plan.new.items(), *plan.renamed.items()]):
        session.execute(_ADD, {"codes": encode_array(code for code, _ in pairs), "names": encode_array(name for _, name in pairs)})
        keys = [(key, code) for code, name in pairs if len(code) <= TOWN_DIGITS for key in sorted(spellings(name))]
        session.execute(_SPELL, {"keys": encode_array(key for key, _ in keys), "codes": encode_array(code for _, code in keys)})


def _batches(rows: list[R]) -> Iterable[list[R]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
