"""HTTP operation that exports one's own data."""

from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Schema
from chassis.http.routes import access
from users.export import queries

api = APIBlueprint("export", __name__)


class ExportOut(Schema):
    """All that users stores about the caller and their household."""

    tables = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Dict(keys=fields.String())),
        required=True,
        metadata={"description": "rows by table, without passwords and other secrets; 10,000 of a table at most"},
    )


@api.get("/me/export")
@access(who=SIGNED_IN, x_view="own")
@api.output(ExportOut)
def export_me(session: Session, caller: Caller) -> Any:
    """Export what users stores about the caller and their household. Needs, matches and notices are listed by their own services.

    The audit log keeps that the data were taken.
    """
    return {"tables": queries.export_own_data(session, caller)}
