"""Sending tables, checking them again, confirming them; saving mappings of headings. The work itself is done by `chassis.imports`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.imports import actions as imports
from users.imports import queries, rules
from users.imports.kinds import IMPORTS
from users.imports.model import Import, ImportMapping
from users.regions.rules import find_region_problem
from users.unique import insert_unique


def send_table(session: Session, caller: Caller, content: bytes, wanted: Mapping[str, Any]) -> Import:
    """Store a table of a region that the caller manages, to be checked. Raises a problem at once for a file that is no table."""
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    mapping = _columns_of(session, caller, wanted)
    sent: Import = imports.send_table(IMPORTS, session, caller, content, wanted, mapping)
    return sent


def check_again(session: Session, caller: Caller, import_id: UUID, wanted: Mapping[str, Any]) -> Import:
    """Have a table checked again, with another sheet or mapping. Raises `not_found`, `stale` or `state_conflict`."""
    one: Import = imports.lock_for_check(IMPORTS, session, caller, import_id)
    mapping = _columns_of(session, caller, {**wanted, "kind": one.kind})
    return imports.check_again(IMPORTS, session, one, wanted.get("sheet"), mapping)  # type: ignore[no-any-return]


def confirm(session: Session, caller: Caller, import_id: UUID, takes_doubtful: bool) -> Import:
    """Have a checked table imported, in the name of the caller. Raises `not_found`, `stale` or `state_conflict`."""
    confirmed: Import = imports.confirm(IMPORTS, session, caller, import_id, takes_doubtful)
    return confirmed


def save_mapping(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> ImportMapping:
    """Save a mapping for tables of a region that the caller manages. Raises `mapping_saved` when one of this name is saved there."""
    if problem := find_region_problem(caller, wanted["region"]):
        raise problem
    columns = list(_columns_of(session, caller, wanted).items())
    stated = {name: wanted[name] for name in ("kind", "region", "name")}
    mapping = ImportMapping(id=new_id(), columns=columns, saved_by=caller.id, **stated)
    insert_unique(session, mapping)
    return mapping


def remove_mapping(session: Session, caller: Caller, mapping_id: UUID) -> ImportMapping:
    """Remove a saved mapping of a region that the caller manages. Raises `not_found`, `stale`, `not_allowed` or `state_conflict`."""
    mapping = queries.get_mapping(session, caller, mapping_id, lock=True)
    versions.check_if_match(session, mapping)
    if problem := rules.find_removal_problem(caller, mapping):
        raise problem
    mapping.removed_at = now()
    mapping.version += 1
    return mapping


def delete_old(session: Session) -> int:
    """Delete the files and rows of imports whose time is over; return their number."""
    return imports.delete_old(IMPORTS, session)


def _columns_of(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the mapping of a request: a saved one, with the columns that it states itself. Raises `not_found` or `unknown_column`."""
    saved = dict(queries.get_mapping(session, caller, wanted["mapping_id"]).columns) if "mapping_id" in wanted else {}
    return imports.read_mapping(IMPORTS, wanted["kind"], wanted.get("columns", ()), saved)
