"""Sending large tables, settling the names that no item has, confirming; the work itself is done by `chassis.imports`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.imports import actions, queries, rules
from chassis.problems import not_found
from needs.catalogue.defaults import catalogue
from needs.imports.actions import learn_names
from needs.imports.model import Import
from needs.imports.tables import IMPORTS
from needs.limits import actions as limits
from needs.problems import unknown_item

KIND = "needs"


def send_table(session: Session, caller: Caller, content: bytes, wanted: Mapping[str, Any]) -> Import:
    """Store a table of a region that the caller manages, to be checked. Raises `not_found` for another region, or a problem of the file."""
    if not caller.manages(wanted["region"]):
        raise not_found()
    sent: Import = actions.send_table(IMPORTS, session, caller, content, {**wanted, "kind": KIND}, {})
    return sent


def check_again(session: Session, caller: Caller, import_id: UUID, wanted: Mapping[str, Any]) -> Import:
    """Have a table checked again, with another sheet or mapping, or after settling names that no item has.

    Raises `not_found`, `stale`, `state_conflict` or `unknown_item`.
    """
    one: Import = actions.lock_for_check(IMPORTS, session, caller, import_id)
    mapping = {**one.mapping, **actions.read_mapping(IMPORTS, KIND, wanted.get("columns", ()))}
    _settle(session, caller, one.region, wanted.get("settled_names", ()))
    one.unknown_names = {}
    return actions.check_again(IMPORTS, session, one, wanted.get("sheet", one.sheet), mapping)  # type: ignore[no-any-return]


def confirm(session: Session, caller: Caller, import_id: UUID, takes_doubtful: bool) -> Import:
    """Have a checked table posted, in the name of the caller. Raises `not_found`, `stale`, `state_conflict` or a limit."""
    one: Import = queries.get_import(IMPORTS, session, caller, import_id, lock=True)
    if rules.find_confirmation_problem(caller, one) is None:
        many = one.found.get("new", 0) + (one.found.get("doubtful", 0) if takes_doubtful else 0)
        limits.require_room_for_import(session, caller, one.region, many)
    confirmed: Import = actions.confirm(IMPORTS, session, caller, import_id, takes_doubtful)
    return confirmed


def delete_old(session: Session) -> int:
    """Delete the files and rows of imports whose time is over; return their number."""
    return actions.delete_old(IMPORTS, session)


def acts_on_import(caller: Caller, one: Import) -> list[str]:
    """List the operations that the caller may carry out on an import now."""
    found = {
        "check_need_import": rules.find_check_problem(caller, one),
        "confirm_need_import": rules.find_confirmation_problem(caller, one),
    }
    return [name for name, problem in found.items() if problem is None]


def _settle(session: Session, caller: Caller, region: str, names: Sequence[Mapping[str, Any]]) -> None:
    for place, one in enumerate(names):
        item = catalogue().get(one["category"])
        if item is None or item.unit is None:
            raise unknown_item(
                errors=[{"pointer": f"#/settled_names/{place}/category", "code": "wrong"}], members={"category": one["category"]}
            )
    learn_names(session, caller, region, names)
