"""The doors through which notify looks up contacts, and the names on the work list of whoever prints it."""

from typing import Any, TypeVar
from uuid import UUID

import msgspec
from apiflask import APIBlueprint
from flask import jsonify, request
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.doors import door
from chassis.http.routes import access
from chassis.problems import invalid
from users.contacts import actions
from users.contacts.queries import find_place
from users.contacts.rules import MOST

api = APIBlueprint("contacts", __name__, enable_openapi=False)


class LookUpIn(msgspec.Struct, forbid_unknown_fields=True):
    """Recipients whose contacts somebody asks for, and why."""

    purpose: actions.Purpose
    ids: list[UUID]


class NamesIn(msgspec.Struct, forbid_unknown_fields=True):
    """Households and institutions whose names somebody asks for, and why."""

    purpose: actions.NamingPurpose
    ids: list[UUID]


Asked = TypeVar("Asked", LookUpIn, NamesIn)


@api.post("/contacts/look-ups")
@door
def look_up_contacts(session: Session) -> Any:
    """Tell notify telephones and e-mail addresses of accounts, households and institutions, and whose each telephone is.

    Whoever is gone is left out.
    """
    asked = _read(LookUpIn)
    found = actions.look_up(session, asked.purpose, set(asked.ids))
    shown = ("telephone", "whose", "email")
    response = jsonify(items=[{"id": str(one.id)} | {name: getattr(one, name) for name in shown} for one in found])
    response.headers["Cache-Control"] = "no-store"
    return response


@api.post("/contacts/names")
@access(who=STAFF, x_view="region", idempotent=False)
def look_up_names(session: Session, caller: Caller) -> Any:
    """Tell notify the names of the caller's own village. It shows the token of whoever prints the work list, so it learns no others."""
    asked = _read(NamesIn)
    found = actions.look_up_names(session, caller, asked.purpose, set(asked.ids))
    place = find_place(session, found)
    response = jsonify(
        items=[{"id": str(one.id)} | {name: getattr(one, name) for name in ("name", "address", "telephone", "whose")} for one in found],
        place=place and {name: getattr(place, name) for name in ("name", "address", "hours", "telephone")},
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _read(wanted: type[Asked]) -> Asked:
    """Read what is asked for. Raises `invalid`."""
    try:
        asked = msgspec.json.decode(request.get_data(), type=wanted)
    except msgspec.MsgspecError:
        raise invalid(errors=[{"pointer": "", "code": "wrong"}]) from None
    if len(asked.ids) > MOST:
        raise invalid(errors=[{"pointer": "/ids", "code": "wrong"}])
    return asked
