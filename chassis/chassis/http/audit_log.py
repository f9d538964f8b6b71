"""The route on which auditors read a service's audit log, and everybody the entries about themselves."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy import Select, select, text, tuple_
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import CLOCK_DIFFERENCE, AuditEntry, Entry, id_at, region_key
from chassis.data.database import forbid_bitmap_scans
from chassis.data.regions import find_predecessors
from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Id, Moment, Region, Schema, Text
from chassis.http.pagination import PageIn, page, page_of, read_cursor
from chassis.http.routes import access
from chassis.problems import not_allowed

LAST = UUID(int=2**128 - 1)


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
    act = Text(100, pattern="[a-z][a-z0-9_]*")
    since = Moment()
    until = Moment()


def blueprint(service: str) -> APIBlueprint:
    """Return the route `/v1/<service>/audit`; the `operationId` contains the service's name, so that it is unique."""
    api = APIBlueprint("audit_log", __name__, url_prefix=f"/v1/{service}/audit")

    def list_entries(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
        """List what was done and read, newest first: for auditors of the region, and for everybody about themselves.

        What an auditor reads here is recorded too. Entries under earlier codes of the region are among them.
        """
        return _list(session, caller, name, **query_data)

    list_entries.__name__ = name = f"list_{service}_audit_entries"
    guarded: Callable[..., Any] = api.output(page_of(AuditEntryOut))(list_entries)
    guarded = api.input(AuditEntriesIn, location="query")(guarded)
    api.get("")(access(who=SIGNED_IN, x_view="region")(guarded))
    return api


def _list(session: Session, caller: Caller, name: str, **asked: Any) -> dict[str, Any]:
    person_id, actor_id, region = asked.get("person_id"), asked.get("actor_id"), asked["region"]
    if person_id == caller.id:
        if actor_id is not None:
            raise not_allowed()
        found = _read_page(session, [region], **asked)
        return found | {"items": [_shown(entry) | {"actor_id": None} for entry in found["items"]]}
    if not caller.audited_regions:
        audit_log.record_refusal(session, caller, Entry(act=name, subject="audit_log", region=region, outcome=not_allowed.code))
        raise not_allowed()
    parts = narrow(caller.audited_regions, region)
    earlier = {code for part in parts for code in find_predecessors(session, part)}
    found = _read_page(session, [*parts, *sorted(earlier)], **asked)
    narrowed = {"actor_id": actor_id, "named_act": asked.get("act")}
    details = {what: value for what, value in narrowed.items() if value is not None}
    audit_log.record(session, caller, Entry(act=name, subject="audit_log", person_id=person_id, region=region, details=details))
    return found | {"items": [_shown(entry) for entry in found["items"]]}


def narrow(regions: Sequence[str], wanted: str) -> list[str]:
    """Return the parts of `wanted` that lie in these regions, without parts of parts."""
    parts = {max(wanted, region, key=len) for region in regions if wanted.startswith(region) or region.startswith(wanted)}
    return sorted(part for part in parts if not any(part.startswith(other) for other in parts - {part}))


def _read_page(
    session: Session, regions: Sequence[str], *, cursor: str | None = None, limit: int = 20, region: str = "", **asked: Any
) -> dict[str, Any]:
    """Read one page of some regions: the newest entries of each by a range of its own, and of these the newest."""
    # How many ids a pair leaves is beyond the planner's estimates: it would rather read the whole table.
    forbid_bitmap_scans(session)
    session.execute(text("SET LOCAL enable_seqscan = off"))
    ids = [one for region in regions for one in session.scalars(_select_newest(region, cursor, **asked).limit(limit + 1))]
    return page(session, select(AuditEntry).where(AuditEntry.id.in_(ids)), AuditEntry.id, cursor, limit)


def _select_newest(
    region: str,
    cursor: str | None,
    person_id: UUID | None = None,
    actor_id: UUID | None = None,
    act: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[Any]:
    """Select the ids of the entries that fulfil all conditions, newest first, from a range of the index of the first condition.

    The pair of the condition and the id is compared and ordered as a whole. So the planner cannot walk through everybody's newest entries
    instead, in the hope of finding some that fit. A time is a range of ids too, and then exact.
    """
    lowest = id_at(since - CLOCK_DIFFERENCE) if since else UUID(int=0)
    highest = min(read_cursor(cursor) if cursor else LAST, id_at(until + CLOCK_DIFFERENCE) if until else LAST)
    wanted: list[tuple[Any, Any]] = [(AuditEntry.person_id, person_id), (AuditEntry.actor_id, actor_id)]
    wanted += [(region_key(region), region or None), (AuditEntry.act, act)]
    named = [(column, value) for column, value in wanted if value is not None]
    exact = [*([AuditEntry.at >= since] if since else []), *([AuditEntry.at < until] if until else [])]
    query = select(AuditEntry.id).where(*exact, *(column == value for column, value in named[1:]))
    if not named:
        return query.where(AuditEntry.id >= lowest, AuditEntry.id < highest).order_by(AuditEntry.id.desc())
    column, value = named[0]
    key = tuple_(column, AuditEntry.id)
    # Two of the indexes hold no NULL, which PostgreSQL does not conclude from a pair.
    return query.where(column.is_not(None), key >= tuple_(value, lowest), key < tuple_(value, highest)).order_by(
        column.desc(), AuditEntry.id.desc()
    )


def _shown(entry: AuditEntry) -> dict[str, Any]:
    return {column.key: getattr(entry, column.key) for column in AuditEntry.__table__.columns}
