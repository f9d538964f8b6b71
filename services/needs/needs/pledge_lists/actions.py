"""Reading a list of gifts without changing anything, offering what its giver has settled, and forgetting erased givers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from itertools import islice
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import copy_rows
from chassis.data.database import new_id, now
from chassis.data.new_rows import insert_rows, new_row
from chassis.http.auth import Caller
from chassis.http.fields import Whole
from chassis.messaging import outbox
from chassis.problems import FieldCode, Problem
from chassis.tables.faults import Fault, table_too_large
from chassis.tables.reading import Row, Table, open_table
from contracts.users import PersonErased
from needs.actions import describe_pledge
from needs.catalogue import has_best_before
from needs.catalogue import rules as catalogue
from needs.catalogue.defaults import catalogue as items
from needs.catalogue.defaults import forbidden
from needs.choosing import actions as choosing
from needs.choosing.problems import best_before_needed
from needs.choosing.rules import find_best_before_problem
from needs.events import pledge_offered
from needs.filters import QUANTITY, Scope
from needs.imports.actions import LONGEST_NAME, Line, refuse_line
from needs.imports.doubts import find_doubts
from needs.imports.names import ItemNames, plain_name
from needs.imports.quantities import read_quantity
from needs.limits import actions as limits
from needs.model import Pledge
from needs.pledge_lists import queries, rules
from needs.pledge_lists.columns import COLUMNS
from needs.pledge_lists.model import GiverItemName, PledgeList, PledgeListLine
from needs.pledge_lists.problems import offered_before
from needs.rules import find_validity_problem

MOST_LINES = 1_000
_SCOPE, _LIMIT = Scope(), Whole(*QUANTITY)


def read_list(session: Session, caller: Caller, content: bytes, wanted: Mapping[str, Any]) -> tuple[Table, list[Line]]:
    """Read a list of gifts; nothing is stored. Raises a problem of the file."""
    table = open_table(BytesIO(content), COLUMNS, sheet=wanted.get("sheet"))
    rows = list(islice(table.rows, MOST_LINES + 1))
    if len(rows) > MOST_LINES:
        raise table_too_large(what_zh="行数", what_en="rows", most=MOST_LINES)
    offered = {code: item for code, item in items().items() if item.unit}
    names = ItemNames(offered, queries.load_item_names(session, caller.id))
    lines = [_read_line(row, names, wanted) for row in rows]
    _doubt(session, caller, [line for line in lines if line.outcome != "refused"])
    return table, lines


def offer_list(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> PledgeList:
    """Offer the pledges of a list, all or none, and learn the names of items that their giver has settled.

    A line that stands already, from this list or an earlier one, is refused unless it says `again`.
    Raises `line_refused` with the first line that cannot be offered, or a limit.
    """
    limits.lock_person(session, caller.id)
    stated = [_state_line(caller, wanted, place) for place in range(len(wanted["lines"]))]
    digests = [rules.digest_line(caller.id, line) for line in stated]
    _require_new(session, wanted, digests)
    offered = PledgeList(giver_id=caller.id)
    session.add(offered)
    session.flush()
    pledges = [new_row(Pledge, id=new_id(), version=1, offered_at=now(), **line) for line in stated]
    for place, pledge in enumerate(pledges):
        try:
            choosing.check_change(pledge)
        except Problem as problem:
            raise refuse_line(wanted["lines"][place], place, problem) from None
    insert_rows(session, Pledge, pledges)
    limits.require_room_for_pledges(session, caller, pledges)
    outbox.add(session, *(pledge_offered(pledge) for pledge in pledges))
    rows = zip(pledges, wanted["lines"], digests, strict=True)
    lines = [(offered.id, pledge.id, line.get("row"), digest) for pledge, line, digest in rows]
    copy_rows(session, PledgeListLine.__tablename__, ("list_id", "pledge_id", "row", "digest"), lines)
    _learn(session, caller, wanted["lines"])
    return offered


def erase_people(session: Session, events: Sequence[PersonErased]) -> None:
    """Delete the names of items that erased givers have settled."""
    session.execute(delete(GiverItemName).where(GiverItemName.giver_id.in_({event.account_id for event in events})))


def _state_line(caller: Caller, wanted: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return the columns of the pledge that a line offers. Raises `line_refused`."""
    line = wanted["lines"][place]
    stated = {name: line[name] for name in ("category", "quantity", "best_before", "limit_per_household", "note") if name in line}
    item = items().get(line["category"])
    stated |= {"unit": item.unit if item else None, "region": line.get("region", wanted["region"])}
    try:
        return describe_pledge(caller, stated | {"valid_until": line.get("valid_until", wanted["valid_until"])})
    except Problem as problem:
        raise refuse_line(line, place, problem) from None


def _require_new(session: Session, wanted: Mapping[str, Any], digests: Sequence[bytes]) -> None:
    standing = queries.find_standing(session, set(digests))
    for place, (line, digest) in enumerate(zip(wanted["lines"], digests, strict=True)):
        if digest in standing and not line["again"]:
            raise refuse_line(line, place, offered_before())
        standing.add(digest)


def _read_line(row: Row, names: ItemNames, wanted: Mapping[str, Any]) -> Line:
    line = Line(row.number, row.values, faults=[*row.faults])
    for name in ("item", "quantity"):
        if name not in row.values and not any(fault.field in {name, None} for fault in row.faults):
            line.faults.append(Fault("required", name))
    line.stated = _read_values(line, row.values, wanted)
    if "item" in row.values and (problem := catalogue.find_text_problem([("item", row.values["item"])], forbidden())):
        line.faults.append(Fault(problem.code, "item", None, problem.details))
    if line.faults:
        line.outcome = "refused"
        return line
    matched = names.match(row.values["item"])
    line.category, line.candidates = matched.category, matched.candidates
    if matched.category is None:
        line.hold("item_unknown", "item")
        return line
    item = items()[matched.category]
    read = read_quantity(row.values["quantity"], row.values.get("unit", ""), item.unit or "", item.measure)
    line.quantity = read.number
    for code in (f"quantity_{read.held}" if read.held else None, read.hedge):
        if code:
            line.hold(code, "quantity")
    if line.stated.get("best_before") is None and has_best_before(item.category, item.unit or "", item.kind):
        line.hold(best_before_needed.code, "best_before", zh=item.zh, en=item.en)
    return line


def _read_values(line: Line, written: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Read the place, the days and the limit of a line; those that are wrong become faults."""
    values: dict[str, Any] = {"region": wanted["region"]}
    for name, read in (("region", _SCOPE.deserialize), ("limit_per_household", _read_limit)):
        if name in written:
            try:
                values[name] = read(written[name])
            except ValidationError as error:
                code = FieldCode.of(error.messages[0])
                line.faults.append(Fault(str(code), name, None, code.details, code.words))
    for name in ("valid_until", "best_before"):
        if name in written:
            values[name] = rules.end_of_day(written[name])
    at: datetime = now()
    for name, problem in (
        ("valid_until", find_validity_problem(values["valid_until"], at) if "valid_until" in values else None),
        ("best_before", find_best_before_problem(values.get("best_before"), at)),
    ):
        if problem:
            line.faults.append(Fault(problem.code, name, None, problem.details))
    return values


def _read_limit(written: str) -> Any:
    return _LIMIT.deserialize(int(written) if written.isascii() and written.isdigit() and len(written) <= 12 else written)


def _doubt(session: Session, caller: Caller, lines: Sequence[Line]) -> None:
    """Hold the lines that look filled in by a spreadsheet, that stand twice, that are offered already, or that pass a limit."""
    found = find_doubts(
        [line.row for line in lines],
        [line.written["item"] for line in lines],
        [line.written["quantity"] for line in lines],
        [line.category for line in lines],
    )
    known = [line for line in lines if line.category and line.quantity]
    open_ones = queries.count_open_pledges(session, caller.id, {line.category for line in known if line.category})
    offered = [_as_offered(line) for line in known]
    digests = {line.row: rules.digest_line(caller.id, one) for line, one in zip(known, offered, strict=True)}
    standing = queries.find_standing(session, set(digests.values()))
    asked = [(one["category"], one["unit"], one["region"], one["quantity"]) for one in offered]
    problems = dict(zip((line.row for line in known), limits.find_passed(session, caller, asked), strict=True))
    for line in lines:
        for doubt in found[line.row]:
            line.hold(doubt.code, "item" if doubt.code.startswith("item") else "quantity", row=doubt.row)
        if digests.get(line.row) in standing:
            line.hold(offered_before.code, "item")
        elif count := open_ones.get(line.category or "", 0):
            line.hold("pledge_open", "item", count=count)
        if problem := problems.get(line.row):
            line.hold(problem.code, "quantity", **problem.details)


def _as_offered(line: Line) -> dict[str, Any]:
    """Return what a line would offer, as far as it is known."""
    item = items()[line.category or ""]
    stated = {"category": line.category, "unit": item.unit, "quantity": line.quantity, **line.stated}
    return {**stated, "note": line.written["note"]} if "note" in line.written else stated


def _learn(session: Session, caller: Caller, lines: Sequence[Mapping[str, Any]]) -> None:
    """Remember under which names this giver offers items, as they settled them last."""
    names = ItemNames({category: item for category, item in items().items() if item.unit}, {})
    settled = {
        name: line["category"]
        for line in lines
        if (name := plain_name(line.get("item", ""))[:LONGEST_NAME]) and names.find(line["item"]) != line["category"]
    }
    if not settled:
        return
    values = [
        {"giver_id": caller.id, "written": name, "category": settled[name], "uses": 1, "settled_at": now()} for name in sorted(settled)
    ]
    rows = insert(GiverItemName).values(values)
    renewed = {name: rows.excluded[name] for name in ("category", "settled_at")} | {"uses": GiverItemName.uses + 1}
    session.execute(rows.on_conflict_do_update(index_elements=["giver_id", "written"], set_=renewed))
