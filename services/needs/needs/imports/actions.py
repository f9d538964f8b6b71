"""Reading a list of needs without changing anything, and posting what a person has settled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import copy_rows
from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import LANGUAGES, FieldCode, Problem
from chassis.tables.faults import Fault, table_too_large
from chassis.tables.reading import Row, Table, open_table
from needs.catalogue import queries as catalogue
from needs.catalogue import rules
from needs.catalogue.defaults import catalogue as items
from needs.catalogue.defaults import forbidden
from needs.catalogue.labels import SPECIFICATION
from needs.catalogue.rules import Terms
from needs.imports import queries
from needs.imports.columns import COLUMNS
from needs.imports.doubts import find_doubts
from needs.imports.entry import enter_needs
from needs.imports.model import ItemName, NeedList, NeedListLine
from needs.imports.names import ItemNames, plain_name
from needs.imports.quantities import read_quantity
from needs.imports.queries import COUNTY_DIGITS
from needs.limits import actions as limits
from needs.model import Household
from needs.problems import consent_needed, line_refused, unknown_item
from needs.quotas.queries import load_quotas
from needs.quotas.rules import find_quota_problem

MOST_LINES = 1_000
MOST_POSTED = 300
"""Lines that are posted at once, as many as a person settles; longer tables are imported."""
LONGEST_NAME = 60


@dataclass
class Line:
    """A line of a list: what is written, what it means as far as that is certain, and what a person has to look at."""

    row: int
    written: Mapping[str, str]
    outcome: str = "ready"
    category: str | None = None
    candidates: Sequence[str] = ()
    quantity: int | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)
    """Further values of the line, as far as they could be read."""
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)

    def hold(self, code: str, of: str, **details: object) -> None:
        """Leave the line to a person, for a reason in one of its columns."""
        self.outcome = "held"
        self.notes.append(Fault(code, of, None, details))


def read_list(session: Session, caller: Caller, content: bytes, wanted: Mapping[str, Any]) -> tuple[Household, Table, list[Line]]:
    """Read a list for a household or institution; nothing is stored. Raises `unknown_household`, or a problem of the file."""
    household = queries.get_asker(session, caller, wanted["household_id"])
    table = open_table(BytesIO(content), COLUMNS, sheet=wanted.get("sheet"))
    rows = list(islice(table.rows, MOST_LINES + 1))
    if len(rows) > MOST_LINES:
        raise table_too_large(what_zh="行数", what_en="rows", most=MOST_LINES)
    offered = {terms.item.category: terms for terms in catalogue.list_terms(session, household.region) if terms.offered and terms.item.unit}
    items = {category: terms.item for category, terms in offered.items()}
    names = ItemNames(items, queries.load_item_names(session, household.region))
    lines = [_read_line(row, names, offered, household) for row in rows]
    _hold_above_quotas(session, household, lines, offered)
    _doubt(session, household, [line for line in lines if line.outcome != "refused"])
    return household, table, lines


def post_list(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> NeedList:
    """Post the needs of a list, all or none, and learn the names of items that a person has settled.

    Raises `unknown_household`, `consent_needed`, a limit, or `line_refused` with the first line that cannot be posted.
    """
    household = queries.get_asker(session, caller, wanted["household_id"], lock=True)
    if not household.is_institution and not wanted.get("consent"):
        raise consent_needed()
    limits.require_room_for_need(session, caller, household, on_behalf=True, many=len(wanted["lines"]))
    terms = {one.item.category: one for one in catalogue.list_terms(session, household.region) if one.item.unit}
    stated = [_check_line(household, wanted, place, terms) for place in range(len(wanted["lines"]))]
    _check_quotas(session, household, wanted["lines"], [found for _, found in stated])
    posted = NeedList(household_id=household.id, region=household.region, posted_by=caller.id)
    session.add(posted)
    session.flush()
    needs = enter_needs(session, caller, [(household, line, found) for line, found in stated])
    lines = [(posted.id, need.id, line.get("row")) for need, line in zip(needs, wanted["lines"], strict=True)]
    copy_rows(session, NeedListLine.__tablename__, ("list_id", "need_id", "row"), lines)
    learn_names(session, caller, household.region, wanted["lines"])
    session.flush()
    return posted


def _check_line(household: Household, wanted: Mapping[str, Any], place: int, terms: Mapping[str, Terms]) -> tuple[Mapping[str, Any], Terms]:
    """Return what a line asks for, with the terms of its item. Raises `line_refused`."""
    line = wanted["lines"][place]
    stated = {"consent": wanted.get("consent"), **line, "reason": line.get("reason") or wanted["reason"]}
    found, specification = terms.get(line["category"]), line.get("specification") or {}
    if found is None:
        raise refuse_line(line, place, unknown_item())
    of_institution = household.is_institution
    if problem := rules.find_need_problem(
        found, line["quantity"], stated["reason"], specification, forbidden(), size=household.size, of_institution=of_institution
    ):
        raise refuse_line(line, place, problem)
    return stated, found


def _check_quotas(session: Session, household: Household, lines: Sequence[Mapping[str, Any]], terms: Sequence[Terms]) -> None:
    """Raise `line_refused` for the first line that passes the quota of the household, together with the lines before."""
    left = dict(load_quotas(session, household, {one.item.category: one for one in terms}.values()))
    for place, (line, found) in enumerate(zip(lines, terms, strict=True)):
        if quota := left.get(found.item.category):
            if problem := find_quota_problem(found, quota, line["quantity"]):
                raise refuse_line(line, place, problem)
            left[found.item.category] = replace(quota, used=quota.used + line["quantity"])


def refuse_line(line: Mapping[str, Any], place: int, problem: Problem) -> Problem:
    """Make the problem of a whole list from that of one line."""
    zh, en = (_sentence(problem, language) for language in LANGUAGES)
    return line_refused(errors=[{"pointer": f"#/lines/{place}", "code": "wrong"}], row=line.get("row", place + 1), zh=zh, en=en)


def _sentence(problem: Problem, language: str) -> str:
    """Return why a line is refused: what is wrong with its fields, or else the problem's own words."""
    wrong = [FieldCode.of(error["code"]).message(language) for error in problem.errors or ()]
    return ("；" if language == "zh-CN" else "; ").join(wrong) or problem.title(language)


def _hold_above_quotas(session: Session, household: Household, lines: Sequence[Line], offered: Mapping[str, Terms]) -> None:
    """Hold the lines that pass the quota of the household, together with the lines before."""
    asked = {line.category for line in lines if line.category and line.quantity}
    left = dict(load_quotas(session, household, [offered[category] for category in asked]))
    for line in lines:
        quota = left.get(line.category or "")
        if quota is None or line.category is None or not line.quantity:
            continue
        if problem := find_quota_problem(offered[line.category], quota, line.quantity):
            line.hold(problem.code, "quantity", **problem.details)
        left[line.category] = replace(quota, used=quota.used + line.quantity)


def _read_line(row: Row, names: ItemNames, offered: Mapping[str, Terms], household: Household) -> Line:
    line = Line(row.number, row.values, faults=[*row.faults])
    for name in ("item", "quantity"):
        if name not in row.values and not any(fault.field in {name, None} for fault in row.faults):
            line.faults.append(Fault("required", name))
    if "urgency" in row.values and row.values["urgency"] not in {"normal", "urgent", "critical"}:
        line.faults.append(Fault("not_a_choice", "urgency"))
    if "item" in row.values and (problem := rules.find_text_problem([("item", row.values["item"])], forbidden())):
        line.faults.append(Fault(problem.code, "item", None, problem.details))
    if line.faults:
        line.outcome = "refused"
        return line
    matched = names.match(row.values["item"])
    line.category, line.candidates = matched.category, matched.candidates
    if matched.category is None:
        line.hold("item_unknown", "item")
        return line
    terms = offered[matched.category]
    read = read_quantity(row.values["quantity"], row.values.get("unit", ""), terms.item.unit or "", terms.item.measure)
    line.quantity = read.number
    if read.held:
        line.hold(f"quantity_{read.held}", "quantity")
    if read.hedge:
        line.hold(read.hedge, "quantity")
    if missing := [SPECIFICATION[name] for name in terms.item.required]:
        zh, en = "、".join(one for one, _ in missing), ", ".join(one for _, one in missing)
        line.hold("specification_needed", "specification", zh=zh, en=en)
    whose: dict[str, Any] = {"size": household.size, "of_institution": household.is_institution}
    if read.number and (problem := rules.find_quantity_problem(terms, read.number, **whose)):
        line.hold(problem.code, "quantity", **problem.details)
    return line


def _doubt(session: Session, household: Household, lines: Sequence[Line]) -> None:
    """Hold the lines that look filled in by a spreadsheet, asked for twice, or asked for already."""
    found = find_doubts(
        [line.row for line in lines],
        [line.written["item"] for line in lines],
        [line.written["quantity"] for line in lines],
        [line.category for line in lines],
    )
    waiting = queries.count_open_needs(session, household.id, {line.category for line in lines if line.category})
    for line in lines:
        for doubt in found[line.row]:
            line.hold(doubt.code, "item" if doubt.code.startswith("item") else "quantity", row=doubt.row)
        if count := waiting.get(line.category or "", 0):
            line.hold("need_open", "item", count=count)


def learn_names(session: Session, caller: Caller, region: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Remember under which names a county asks for items, as they were settled there last, or a region around it."""
    names = ItemNames({category: item for category, item in items().items() if item.unit}, {})
    settled = {
        name: line["category"]
        for line in lines
        if (name := plain_name(line.get("item", ""))[:LONGEST_NAME]) and names.find(line["item"]) != line["category"]
    }
    if not settled:
        return
    county = region[:COUNTY_DIGITS]
    rows = insert(ItemName).values(
        [
            {"region": county, "written": name, "category": settled[name], "uses": 1, "settled_by": caller.id, "settled_at": now()}
            for name in sorted(settled)
        ]
    )
    renewed = {name: rows.excluded[name] for name in ("category", "settled_by", "settled_at")} | {"uses": ItemName.uses + 1}
    session.execute(rows.on_conflict_do_update(index_elements=["region", "written"], set_=renewed))
