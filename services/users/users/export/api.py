"""HTTP operation that exports one's own data."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chassis.data.encryption import Encrypted
from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Schema
from chassis.http.routes import access
from users.export import queries

api = APIBlueprint("export", __name__)

_FIELDS: dict[type, type[fields.Field[Any]]] = {
    UUID: fields.UUID,
    str: fields.String,
    int: fields.Integer,
    bool: fields.Boolean,
    datetime: fields.AwareDateTime,
    date: fields.Date,
}


def _field_of(column: Column[Any]) -> fields.Field[Any]:
    """Return the field of an exported column. Raises KeyError for a type that has none yet."""
    stated: dict[str, Any] = {"required": True, "allow_none": bool(column.nullable)}
    if isinstance(column.type, Encrypted):
        return fields.String(**stated)
    if isinstance(column.type, ARRAY):
        return fields.List(_FIELDS[column.type.item_type.python_type](), **stated)
    return _FIELDS[column.type.python_type](**stated)


def _rows_of(entity: Any) -> fields.Field[Any]:
    """Return the field of a table: a list of its rows, described by the first sentence about the entity."""
    row = Schema.from_dict(
        {key: _field_of(column) for key, column in queries.columns_of(entity).items()}, name=f"Exported{entity.__name__}"
    )
    about = " ".join(str(entity.__doc__).split()).partition(". ")[0].rstrip(".")
    return fields.List(fields.Nested(row), required=True, metadata={"description": f"{about}."})


TablesOut = Schema.from_dict({entity.__tablename__: _rows_of(entity) for entity in queries.ABOUT}, name="ExportedTables")


class ExportOut(Schema):
    """All that users stores about the caller and their household."""

    tables = fields.Nested(
        TablesOut,
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
