"""Sending tables, checking them again, confirming them, deleting old ones. The work itself is done by `chassis.imports.work`."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.imports import files, queries, rules
from chassis.imports.kinds import Imports
from chassis.imports.problems import too_many_imports
from chassis.tables.columns import Matching, plain
from chassis.tables.faults import heading_twice
from chassis.tables.reading import find_format

CHANNEL = "imports"
EXPIRED_AT_ONCE = 100


def send_table(
    of: Imports, session: Session, caller: Caller, content: bytes, wanted: Mapping[str, Any], mapping: Mapping[str, str | None]
) -> Any:
    """Store a table of a region that the caller manages, to be checked. Raises a problem at once for a file that is no table."""
    _require_few(of, session, caller)
    find_format(BytesIO(content))
    one = of.imports(
        id=new_id(),
        kind=wanted["kind"],
        region=wanted["region"],
        sheet=wanted.get("sheet"),
        mapping=dict(mapping),
        size=len(content),
        created_by=caller.id,
        keep_until=now() + rules.KEPT_FOR,
    )
    session.add(one)
    session.flush()
    files.store(of, session, one.id, content)
    _wake(session)
    return one


def lock_for_check(of: Imports, session: Session, caller: Caller, import_id: UUID) -> Any:
    """Lock an import that may be checked again. Raises `not_found`, `stale`, `state_conflict` or `too_many_imports`."""
    one = queries.get_import(of, session, caller, import_id, lock=True)
    versions.check_if_match(session, one)
    if problem := rules.find_check_problem(caller, one):
        raise problem
    _require_few(of, session, caller)
    return one


def check_again(of: Imports, session: Session, one: Any, sheet: str | None, mapping: Mapping[str, str | None]) -> Any:
    """Have a locked import checked again, with another sheet or mapping."""
    one.mapping, one.sheet = dict(mapping), sheet
    one.state, one.cursor, one.rows, one.found, one.problem, one.table_read = "checking", 0, None, {}, None, None
    one.tries, one.waits_until = 0, None
    one.version += 1
    files.delete_rows(of, session, one.id)
    _wake(session)
    return one


def confirm(of: Imports, session: Session, caller: Caller, import_id: UUID, takes_doubtful: bool) -> Any:
    """Have a checked table imported, in the name of the caller. Raises `not_found`, `stale` or `state_conflict`."""
    one = queries.get_import(of, session, caller, import_id, lock=True)
    versions.check_if_match(session, one)
    if problem := rules.find_confirmation_problem(caller, one):
        raise problem
    _require_few(of, session, caller)
    one.state, one.cursor, one.takes_doubtful = "importing", 0, takes_doubtful
    one.tries, one.waits_until = 0, None
    one.confirmed_by, one.confirmed_at = caller.id, now()
    one.version += 1
    _wake(session)
    return one


def delete_old(of: Imports, session: Session) -> int:
    """Delete the files and rows of imports whose time is over; those that nobody confirmed expire. Return their number."""
    entity = of.imports
    due = select(entity).where(entity.keep_until <= now(), entity.deleted_at.is_(None)).order_by(entity.keep_until)
    found = session.scalars(due.limit(EXPIRED_AT_ONCE).with_for_update(skip_locked=True)).all()
    ids = [one.id for one in found]
    files.delete_file(of, session, *ids)
    files.delete_rows(of, session, *ids)
    for one in found:
        one.state = one.state if one.state in {"done", "failed"} else "expired"
        one.table_read, one.sheet, one.mapping, one.deleted_at = None, None, {}, now()
        one.version += 1
    return len(found)


def read_mapping(of: Imports, kind: str, stated: Any, saved: Mapping[str, str | None] | None = None) -> dict[str, str | None]:
    """Return a mapping of headings: a saved one, with the columns that are stated. Raises `heading_twice` or `unknown_column`."""
    for one in stated:
        if sum(plain(one["heading"]) == plain(other["heading"]) for other in stated) > 1:
            raise heading_twice(heading=one["heading"])
    mapping = {**(saved or {}), **{one["heading"]: one["field"] for one in stated}}
    Matching(of.kinds[kind].columns, mapping)
    return mapping


def _require_few(of: Imports, session: Session, caller: Caller) -> None:
    if queries.count_working(of, session, caller.id) >= rules.MOST_WAITING:
        raise too_many_imports()


def _wake(session: Session) -> None:
    session.execute(select(func.pg_notify(CHANNEL, "")))
