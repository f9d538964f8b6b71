"""The door through which notify looks at codes."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import jsonify
from sqlalchemy.orm import Session

from chassis.http.doors import door
from users.codes import actions, queries
from users.codes.rules import BY_EMAIL

api = APIBlueprint("codes", __name__, enable_openapi=False)


@api.get("/codes/<uuid:code_id>")
@door
def look_at_code(session: Session, code_id: UUID) -> Any:
    """Tell notify where to send a code, and the code itself, while it may be sent."""
    request, code = actions.look_at_code(session, code_id, queries.may_send(session, code_id))
    is_mailed = request.purpose == BY_EMAIL
    response = jsonify(
        phone=None if is_mailed else request.phone,
        email=request.phone if is_mailed else None,
        code=code,
        purpose=request.purpose,
        expires_at=request.expires_at.isoformat(),
        language=request.language,
    )
    response.headers["Cache-Control"] = "no-store"
    return response
