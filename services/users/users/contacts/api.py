"""The door through which notify looks up contacts."""

from typing import Any
from uuid import UUID

import msgspec
from apiflask import APIBlueprint
from flask import jsonify, request
from sqlalchemy.orm import Session

from chassis.http.doors import door
from chassis.problems import invalid
from users.contacts import actions
from users.contacts.rules import MOST

api = APIBlueprint("contacts", __name__, enable_openapi=False)


class LookUpIn(msgspec.Struct, forbid_unknown_fields=True):
    """Recipients whose contacts somebody asks for, and why."""

    purpose: actions.Purpose
    ids: list[UUID]


@api.post("/contacts/look-ups")
@door
def look_up_contacts(session: Session) -> Any:
    """Tell notify the telephones of accounts, households and institutions, and whose each is. Whoever is gone is left out."""
    try:
        asked = msgspec.json.decode(request.get_data(), type=LookUpIn)
    except msgspec.MsgspecError:
        raise invalid(errors=[{"pointer": "", "code": "wrong"}]) from None
    if len(asked.ids) > MOST:
        raise invalid(errors=[{"pointer": "/ids", "code": "wrong"}])
    found = actions.look_up(session, asked.purpose, set(asked.ids))
    response = jsonify(items=[{"id": str(one.id), "telephone": one.telephone, "whose": one.whose, "email": None} for one in found])
    response.headers["Cache-Control"] = "no-store"
    return response
