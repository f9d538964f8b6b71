"""The route on which auditors read a service's audit log, and everybody the entries about themselves."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy import ColumnElement, select, union_all
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import CLOCK_DIFFERENCE, AuditEntry, Entry, id_at, in_region
from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Id, Moment, Region, Schema, Text
from chassis.http.pagination import PageIn, page, page_of, read_cursor
from chassis.http.routes import access
from chassis.problems import not_allowed


class AuditEntryOut(Schema):
    """One act or one look. Whoever reads the entries about themselves does not see whose act it was."""

    id = fields.UUID(required=True)
    at = fields.AwareDateTime(required=True)
    act = fields.String(required=True, metadata={"description": "as a rule the `operationId`"})
    outcome = fields.String(required=True, metadata={"description": "`done`, or the code of the problem that refused it"})
    actor_id = fields.UUID(required=True, allow_none=True, metadata={"description": "null for guests, operators and services"})
    actor_kind = fields.String(required=True)
    subject = fields.String(required=True, attribute="subject_kind", metadata={"description": "the kind of thing, such as `need`"})
    subject_id = fields.UUID(required=True, allow_none=True)
    person_id = fields.UUID(required=True, allow_none=True, metadata={"description": "the person whose data were read or changed"})
    region = fields.String(required=True)
    details = fields.Dict(keys=fields.String(), required=True, metadata={"description": "ids and codes"})


class AuditEntriesIn(PageIn):
    """Filters of the audit log."""

    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    person_id = Id(metadata={"description": "the person whose data were read or changed; one's own id for everybody"})
    actor_id = Id(metadata={"description": "the person who acted; for auditors"})
    act = Text(100, pattern="[a-z0-9_]+")
    since = Moment()
    until = Moment()


def blueprint(service: str) -> APIBlueprint:
    """Return the route `/v1/<service>/audit`; the `operationId` contains the service's name, so that it is unique."""
    api = APIBlueprint("audit_log", __name__, url_prefix=f"/v1/{service}/audit")

    def list_entries(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
        """List what was done and read, newest first: for auditors of the region, and for everybody about themselves.

        What an auditor reads here is recorded too.
        """
        return _list(session, caller, name, **query_data)

    list_entries.__name__ = name = f"list_{service}_audit_entries"
    guarded: Callable[..., Any] = api.output(page_of(AuditEntryOut))(list_entries)
    guarded = api.input(AuditEntriesIn, location="query")(guarded)
    api.get("")(access(who=SIGNED_IN, x_view="region")(guarded))
    return api


def _list(
    session: Session,
    caller: Caller,
    name: str,
    *,
    region: str,
    person_id: UUID | None = None,
    actor_id: UUID | None = None,
    cursor: str | None = None,
    limit: int,
    **more: Any,
) -> dict[str, Any]:
    asked = Entry(
        act=name, subject="audit_log", person_id=person_id, region=region,
        details={name: value for name, value in {"actor_id": actor_id, "named_act": more.get("act")}.items() if value is not None},
    )  # fmt: skip
    conditions = [*_equal(person_id=person_id, actor_id=actor_id), *_conditions(**more)]
    if person_id == caller.id:
        if actor_id is not None:
            raise not_allowed()
        found = page(session, select(AuditEntry).where(in_region(region), *conditions), AuditEntry.id, cursor, limit)
        return found | {"items": [_shown(entry) | {"actor_id": None} for entry in found["items"]]}
    if not caller.audited_regions:
        audit_log.record_refusal(session, caller, Entry(act=name, subject="audit_log", region=region, outcome=not_allowed.code))
        raise not_allowed()
    found = _page_of_regions(session, narrow(caller.audited_regions, region), conditions, cursor, limit)
    audit_log.record(session, caller, asked)
    return found | {"items": [_shown(entry) for entry in found["items"]]}


def narrow(regions: Sequence[str], wanted: str) -> list[str]:
    """Return the parts of `wanted` that lie in these regions, without parts of parts."""
    parts = {max(wanted, region, key=len) for region in regions if wanted.startswith(region) or region.startswith(wanted)}
    return sorted(part for part in parts if not any(part.startswith(other) for other in parts - {part}))


def _page_of_regions(
    session: Session, regions: Sequence[str], conditions: Sequence[ColumnElement[bool]], cursor: str | None, limit: int
) -> dict[str, Any]:
    """Read one page of several regions: the newest entries of each by a range of its own, and of these the newest."""
    before = [AuditEntry.id < read_cursor(cursor)] if cursor else []
    newest = [
        select(AuditEntry.id).where(in_region(region), *conditions, *before).order_by(AuditEntry.id.desc()).limit(limit + 1).subquery()
        for region in regions
    ]
    if not newest:
        return {"items": [], "next": None}
    ids = union_all(*(select(part.c.id) for part in newest))
    return page(session, select(AuditEntry).where(AuditEntry.id.in_(ids)), AuditEntry.id, cursor, limit)


def _equal(**wanted: UUID | None) -> list[ColumnElement[bool]]:
    return [getattr(AuditEntry, name) == value for name, value in wanted.items() if value is not None]


def _conditions(act: str | None = None, since: datetime | None = None, until: datetime | None = None) -> list[ColumnElement[bool]]:
    """Return the conditions of an act and of a time. A time is a range of ids, which every index holds, and then exact."""
    found: list[ColumnElement[bool]] = [AuditEntry.act == act] if act else []
    if since:
        found += [AuditEntry.id >= id_at(since - CLOCK_DIFFERENCE), AuditEntry.at >= since]
    if until:
        found += [AuditEntry.id < id_at(until + CLOCK_DIFFERENCE), AuditEntry.at < until]
    return found


def _shown(entry: AuditEntry) -> dict[str, Any]:
    return {column.key: getattr(entry, column.key) for column in AuditEntry.__table__.columns}
