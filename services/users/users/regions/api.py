"""HTTP operations on the national division codes."""

from typing import Any

from apiflask import APIBlueprint
from flask import request
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, STAFF, Caller
from chassis.http.fields import Choice, Flag, Region, Schema, Strict, Text, Whole, refuse_region
from chassis.http.routes import access
from chassis.problems import invalid, language
from users.fields import LEVELS
from users.problems import refused_rows
from users.regions import actions, queries, rules
from users.regions.editions import describe, make_plan, read_table
from users.regions.model import Region as Division

api = APIBlueprint("regions", __name__)
TABLE_BYTES = 2 * 1024 * 1024


class RegionsIn(Strict):
    name = Text(50, metadata={"description": "a part of a present or former name"})
    q = Text(
        50,
        metadata={
            "description": "the way to a region: 遂宁市蓬溪县, 遂宁 蓬溪, suining pengxi, sn px; villages by name, or below a county"
        },
    )
    codes = Text(
        1300,
        pattern=r"[0-9]{2,12}(,[0-9]{2,12}){0,99}",
        metadata={"description": "up to 100 codes with commas between them, present or former"},
    )
    within = Region((0, 2, 4, 6, 9, 12), load_default="", metadata={"description": "only regions in this one"})
    limit = Whole(1, 100, in_address=True, metadata={"description": "maximum number of regions; 20 by default with `name` or `q`"})

    @validates_schema
    def require_one_question(self, data: dict[str, Any], **_: Any) -> None:
        """One question at a time: by name, by the way, or by codes."""
        for name in ("q", "codes"):
            if name in data and data.keys() & ({"name", "q", "codes"} - {name}):
                raise ValidationError("wrong", name)


class DivisionOut(Schema):
    code = fields.String(required=True)
    name = fields.String(required=True)
    level = Choice(LEVELS, required=True)


class FormerOut(Schema):
    code = fields.String(required=True)
    name = fields.String(required=True)


class RegionOut(DivisionOut):
    """A region with the regions around it, the widest first, and its former codes and names."""

    ancestors = fields.List(fields.Nested(DivisionOut), required=True)
    formerly = fields.List(fields.Nested(FormerOut), required=True)


class AskedRegionOut(RegionOut):
    asked = fields.String(required=True, metadata={"description": "the code in the address; `code` differs if the region got a new one"})


class UnansweredOut(Schema):
    """A code without a region today, with the reason, and the regions that hold its area if it is a former one."""

    asked = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "`unknown_region` or `region_ended`"})
    message = fields.String(required=True)
    successors = fields.List(fields.Nested(DivisionOut), required=True)


class ListedRegionOut(RegionOut):
    asked = fields.List(fields.String(), metadata={"description": "the codes, among those asked for, that mean this region"})


class RegionsOut(Schema):
    items = fields.List(fields.Nested(ListedRegionOut), required=True)
    unanswered = fields.List(fields.Nested(UnansweredOut), metadata={"description": "with `codes` alone"})


class DivisionsOut(Schema):
    items = fields.List(fields.Nested(DivisionOut), required=True)


class ChangedOut(Schema):
    code = fields.String(required=True)
    name = fields.String(required=True)


class EndedOut(ChangedOut):
    successors = fields.List(fields.Nested(ChangedOut), required=True)
    rows = fields.Integer(required=True, metadata={"description": "accounts, households, offices and helpers that stay with the code"})


class RefusedRowOut(Schema):
    row = fields.Integer(required=True, metadata={"description": "as a spreadsheet numbers it: the heading is row 1"})
    column = fields.String(required=True, metadata={"description": "empty for the whole row"})
    code = fields.String(required=True)
    message = fields.String(required=True)


class RegionCountsOut(Schema):
    new = fields.Integer(required=True)
    renamed = fields.Integer(required=True)
    ended = fields.Integer(required=True)
    moved = fields.Integer(required=True, metadata={"description": "ended with one successor: every service moves its rows there"})
    staying = fields.Integer(required=True, metadata={"description": "ended with several successors or none: rows stay"})
    rows_staying = fields.Integer(required=True, metadata={"description": "accounts, households, offices and helpers of the staying codes"})
    refused = fields.Integer(required=True)


class RegionImportOut(Schema):
    """What an import changes, or would change: counts, and the first 200 of each kind. Nothing is imported if a row is refused."""

    is_imported = fields.Boolean(required=True)
    counts = fields.Nested(RegionCountsOut, required=True)
    new = fields.List(fields.Nested(ChangedOut), required=True)
    renamed = fields.List(fields.Nested(ChangedOut), required=True)
    moved = fields.List(fields.Nested(EndedOut), required=True)
    staying = fields.List(fields.Nested(EndedOut), required=True)
    refused = fields.List(fields.Nested(RefusedRowOut), required=True)


class RegionImportIn(Strict):
    dry_run = Flag(in_address=True, load_default=False, metadata={"description": "report only, and change nothing"})


@api.get("/regions")
@access(who=ANYONE, x_view="public")
@api.input(RegionsIn, location="query")
@api.output(RegionsOut)
def list_regions(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """List the provinces, or the regions in `within`; with `name`, `q` or `codes` those that are asked for.

    By `name` wider regions come first, by `q` those that are named exactly. A former code is answered with its one successor.
    """
    if "codes" in query_data:
        return _answer_codes(session, query_data["codes"].split(","))
    if "q" in query_data:
        found = queries.search_by_way(session, query_data["q"], query_data["within"], query_data.get("limit", 20))
    elif "name" in query_data:
        found = queries.search_regions(session, query_data["name"], query_data["within"], query_data.get("limit", 20))
    else:
        found = queries.list_children(session, query_data["within"])[: query_data.get("limit")]
    return {"items": queries.describe_regions(session, found)}


def _answer_codes(session: Session, asked: list[str]) -> dict[str, Any]:
    shown, others = queries.resolve_codes(session, list(dict.fromkeys(asked)))
    meaning: dict[str, list[str]] = {}
    regions: dict[str, Division] = {}
    for code, region in shown.items():
        meaning.setdefault(region.code, []).append(code)
        regions[region.code] = region
    unanswered = []
    for code, found in others.items():
        why = refuse_region(code, found)
        unanswered.append(
            {"asked": code, "code": str(why), "message": why.message(language()), "successors": queries.describe_successors(found)}
        )
    described = queries.describe_regions(session, list(regions.values()))
    return {"items": [one | {"asked": meaning[one["code"]]} for one in described], "unanswered": unanswered}


@api.post("/regions/imports")
@access(who=STAFF, x_view="region", idempotent=False, body_bytes=TABLE_BYTES, body_types=("text/csv",), slow=True)
@api.input(RegionImportIn, location="query")
@api.output(RegionImportOut)
def import_regions(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """Import changed division codes from a table: for administrators of the whole country. `docs/data.md` has its columns.

    All rows are imported or none. With `dry_run` the answer lists refused rows; without it they are the problem `refused_rows`. Whole
    editions are for the command `import-regions`.
    """
    if problem := rules.find_region_problem(caller, ""):
        raise problem
    actions.lock_imports(session)
    today = actions.today()
    try:
        rows, refused = read_table(request.get_data(), today)
    except UnicodeDecodeError:
        raise invalid() from None
    plan = make_plan(session, rows, refused, today, is_complete=False)
    report = describe(plan, language())
    if plan.refused and not query_data["dry_run"]:
        raise refused_rows(count=len(plan.refused), members={"refused": report["refused"]})
    if not query_data["dry_run"]:
        actions.import_plan(session, caller, caller.id, plan)
    return report | {"is_imported": not query_data["dry_run"]}


@api.get("/regions/<code>")
@access(who=ANYONE, x_view="public")
@api.output(AskedRegionOut)
def get_region(session: Session, caller: Caller | None, code: str) -> Any:
    """Get a region. A former code is answered with its present region if it has one successor, otherwise with `region_ended`."""
    [found] = queries.describe_regions(session, [queries.get_region(session, code)])
    return found | {"asked": code}


@api.get("/regions/<code>/children")
@access(who=ANYONE, x_view="public")
@api.output(DivisionsOut)
def list_children(session: Session, caller: Caller | None, code: str) -> Any:
    """List all regions one level below, by code: at most 170, and none below a village."""
    return {
        "items": [
            queries.describe_division(child.code, child.name)
            for child in queries.list_children(session, queries.get_region(session, code).code)
        ]
    }
