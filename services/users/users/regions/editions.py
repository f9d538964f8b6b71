"""Another edition of the division codes: reading its table, checking it, and comparing it with the codes that count now."""

import csv
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.regions import find_changes
from contracts import regions
from contracts.regions.editions import find_successors

HEADINGS = {
    "code": "代码",
    "name": "名称",
    "valid_from": "启用日期",
    "valid_until": "停用日期",
    "successors": "继任代码",
}
"""Columns of the table; either name may stand in the first row."""
WORDS = {
    "columns": {"zh-CN": "表头须为：{columns}", "en": "the heading must be {columns}"},
    "cells": {"zh-CN": "单元格数目与表头不同，请检查", "en": "there are more or fewer cells than headings; check the row"},
    "code": {"zh-CN": "须是区划代码（2、4、6、9 或 12 位数字）", "en": "must be a region code of 2, 4, 6, 9 or 12 digits"},
    "name": {"zh-CN": "名称缺失、过长或含空格等字符，请改正", "en": "the name is missing, too long or holds spaces; correct it"},
    "date": {"zh-CN": "须是日期，如 2021-04-09", "en": "must be a date such as 2021-04-09"},
    "not_yet": {"zh-CN": "该日期还未到，请到时再导入", "en": "this day has not come yet; import the row then"},
    "order": {"zh-CN": "停用日期须晚于启用日期", "en": "the end must come after the beginning"},
    "twice": {"zh-CN": "代码 {code} 出现了两次，请删去一行", "en": "the code {code} appears in two rows; remove one"},
    "around": {"zh-CN": "上级 {code} 不存在或已停用，请核对", "en": "the region around it, {code}, does not exist or has ended; check it"},
    "successor": {
        "zh-CN": "继任代码 {code} 不存在、已停用、级别不同或就是本代码，请核对",
        "en": "the successor {code} does not exist, has ended, is of another level or is the code itself; check it",
    },
    "successors": {"zh-CN": "没有停用日期，不能有继任代码，请删去", "en": "a code that does not end has no successors; remove them"},
}
"""Words for refused rows, by code. They may name details in braces."""
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table, as a spreadsheet numbers it: the heading is row 1."""

    number: int
    code: str
    name: str
    valid_from: date | None
    valid_until: date | None
    successors: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    """A cell that cannot be taken, with the code of the reason."""

    row: int
    column: str
    code: str
    details: Mapping[str, str]

    def message(self, language: str) -> str:
        """Return the reason in `zh-CN` or `en`."""
        return WORDS[self.code][language].format_map(self.details)


@dataclass
class Plan:
    """The changes that a table makes: names of new and renamed codes, successors of ended ones, and the day of each.

    `held` counts the rows of users that stay with an ended code: accounts, households, standing offices and helpers.
    """

    new: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    ended: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    days: dict[str, date] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)

    @property
    def moved(self) -> dict[str, tuple[str, ...]]:
        """Ended codes with exactly one successor, whose rows move there."""
        return {code: after for code, after in self.ended.items() if len(after) == 1}

    @property
    def staying(self) -> dict[str, tuple[str, ...]]:
        """Ended codes with several successors or none, whose rows stay."""
        return {code: after for code, after in self.ended.items() if len(after) != 1}


def read_table(raw: bytes, today: date) -> tuple[list[Row], list[Refusal]]:
    """Read a table of codes in UTF-8 or GB 18030; return its rows, and the cells that cannot be taken."""
    try:
        written = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        written = raw.decode("gb18030")
    lines = csv.reader(StringIO(written, newline=""), strict=True)
    found: list[Row] = []
    refused: list[Refusal] = []
    try:
        headings = {zh: name for name, zh in HEADINGS.items()}
        heading = [headings.get(cell.strip(), cell.strip()) for cell in next(lines, [])]
        if sorted(heading) != sorted(HEADINGS):
            return [], [Refusal(1, "", "columns", {"columns": ",".join(HEADINGS)})]
        for number, cells in enumerate(lines, 2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(heading):
                refused.append(Refusal(number, "", "cells", {}))
                continue
            row, problems = _read_row(number, dict(zip(heading, (cell.strip() for cell in cells), strict=True)), today)
            found.append(row)
            refused += problems
    except csv.Error:
        refused.append(Refusal(lines.line_num, "", "cells", {}))
    return found, refused


def _read_row(number: int, cells: Mapping[str, str], today: date) -> tuple[Row, list[Refusal]]:
    refused = []
    dates = dict[str, date | None]()
    if not regions.is_shaped(cells["code"]):
        refused.append(Refusal(number, "code", "code", {}))
    # Published names may hold characters that no device shows, so only what no name holds is refused.
    name = cells["name"]
    if not 0 < len(name) <= 100 or any(unicodedata.category(one) in {"Cc", "Cf", "Zs", "Zl", "Zp"} for one in name):
        refused.append(Refusal(number, "name", "name", {}))
    for column in ("valid_from", "valid_until"):
        try:
            dates[column] = date.fromisoformat(cells[column]) if cells[column] else None
        except ValueError:
            dates[column] = None
            refused.append(Refusal(number, column, "date", {}))
        if (dates[column] or today) > today:
            refused.append(Refusal(number, column, "not_yet", {}))
    begin, end = dates["valid_from"], dates["valid_until"]
    if begin and end and begin >= end:
        refused.append(Refusal(number, "valid_until", "order", {}))
    successors = tuple(dict.fromkeys(cells["successors"].replace(";", " ").replace("、", " ").split()))
    if successors and not cells["valid_until"]:
        refused.append(Refusal(number, "successors", "successors", {}))
    return Row(number, cells["code"], name, begin, end, successors), refused


def make_plan(session: Session, rows: Iterable[Row], refused: list[Refusal], today: date, *, is_complete: bool) -> Plan:
    """Compare a table with what is known. A complete one ends every code that it lacks; otherwise these stay as they are.

    A row about a code that has ended already, with other successors than are known, corrects them.
    """
    rows = list(rows)
    plan = Plan(refused=list(refused))
    seen = set[str]()
    for row in rows:
        if row.code in seen:
            plan.refused.append(Refusal(row.number, "code", "twice", {"code": row.code}))
        seen.add(row.code)
    if plan.refused:
        return plan
    listed = {row.code: row for row in rows if row.valid_until is None}
    ending = {row.code: row for row in rows if row.valid_until is not None}
    before = _load_present(session, None if is_complete else _mentioned(rows), ending)
    after = {code: row.name for code, row in listed.items()}
    if not is_complete:
        after = {code: name for code, name in before.items() if not _lies_in(code, ending)} | after
        after |= _carry_below(before, after, ending)
    _check(plan, rows, after, ending)
    if plan.refused:
        return plan
    stated = {code: _follow(row.successors, ending) for code, row in ending.items() if row.successors}
    plan.ended = find_successors(before, after, stated)
    plan.new = {code: name for code, name in after.items() if code not in before}
    plan.renamed = {code: name for code, name in after.items() if before.get(code, name) != name}
    plan.names = {code: before[code] for code in plan.ended}
    earlier = {code: row for code, row in ending.items() if code not in before}
    for code, known in _load_known(session, earlier).items():
        if known != set(stated.get(code, ())):
            plan.ended[code], plan.names[code] = stated.get(code, ()), earlier[code].name
    for code in (*plan.new, *plan.renamed):
        plan.days[code] = (listed[code].valid_from if code in listed else None) or today
    for code in plan.ended:
        around = next((one for one in (code, *reversed(regions.ancestors(code))) if one in ending), None)
        plan.days[code] = (ending[around].valid_until if around else None) or today
    plan.names |= {one: after[one] for successors in plan.ended.values() for one in successors if one in after}
    plan.held = {row.region: row.rows for row in session.execute(_HELD, {"codes": encode_array(plan.staying)})}
    return plan


def _lies_in(code: str, around: Collection[str]) -> bool:
    return code in around or any(one in around for one in regions.ancestors(code))


def _follow(successors: Iterable[str], ending: Mapping[str, Row]) -> tuple[str, ...]:
    """Replace successors that end in the same table by their own."""
    found: dict[str, None] = {}
    for code in successors:
        found |= dict.fromkeys(_follow(ending[code].successors, ending) if code in ending else (code,))
    return tuple(found)


def _load_known(session: Session, codes: Collection[str]) -> dict[str, set[str] | None]:
    """Load the successors of ended codes as they are known; None for a code of which nothing is known."""
    changed = find_changes(session, codes)
    return {
        code: set(changed[code].successors) if code in changed else set(regions.successors(code)) if regions.is_former(code) else None
        for code in codes
    }


def _mentioned(rows: Iterable[Row]) -> set[str]:
    codes = {code for row in rows for code in (row.code, *row.successors)}
    return codes | {around for code in codes if regions.is_shaped(code) for around in regions.ancestors(code)}


# Tables of rooms above, counted by their indexes on the region.
_HELD = text(
    """
    SELECT region, sum(rows) AS rows FROM (
        SELECT region, count(*) AS rows FROM accounts WHERE region = ANY(CAST(:codes AS text[])) GROUP BY region
        UNION ALL SELECT region, count(*) FROM households WHERE region = ANY(CAST(:codes AS text[])) GROUP BY region
        UNION ALL SELECT region, count(*) FROM appointment_records
            WHERE region = ANY(CAST(:codes AS text[])) AND dismissed_at IS NULL GROUP BY region
        UNION ALL SELECT region, count(*) FROM helper_assignments
            WHERE region = ANY(CAST(:codes AS text[])) AND released_at IS NULL GROUP BY region
    ) AS held GROUP BY region
    """
)
_PRESENT = text("SELECT code, name FROM regions WHERE code = ANY(CAST(:codes AS text[]))")
_BELOW = text(
    "SELECT code, name FROM unnest(CAST(:around AS text[])) AS around (region)"
    ' JOIN regions ON code > around.region COLLATE "C" AND code < around.region || \'~\' COLLATE "C"'
)


def _load_present(session: Session, codes: Collection[str] | None, ending: Mapping[str, Row]) -> dict[str, str]:
    """Load the names of codes that count now: all of them, or these and everything below ended codes and their successors."""
    if codes is None:
        return {row.code: row.name for row in session.execute(text("SELECT code, name FROM regions"))}
    around = {code for one, row in ending.items() for code in (one, *row.successors)}
    found = {row.code: row.name for row in session.execute(_PRESENT, {"codes": encode_array(codes)})}
    return found | {row.code: row.name for row in session.execute(_BELOW, {"around": encode_array(around)})}


def _carry_below(before: Mapping[str, str], after: Mapping[str, str], ending: Mapping[str, Row]) -> dict[str, str]:
    """List what lies below codes that only got another code. Nothing is known yet below the new one, so all keep their last digits."""
    occupied = {around for code in (*before, *after) for around in regions.ancestors(code)}
    carried: dict[str, str] = {}
    for code, row in ending.items():
        if len(row.successors) == 1 and row.successors[0] not in before and row.successors[0] not in occupied:
            [new] = row.successors
            below = {one: name for one, name in before.items() if one != code and one.startswith(code) and one not in ending}
            carried |= {new + one[len(code) :]: name for one, name in below.items()}
    return carried


def _check(plan: Plan, rows: Iterable[Row], after: Mapping[str, str], ending: Mapping[str, Row]) -> None:
    for row in rows:
        around = regions.parent(row.code)
        if row.valid_until is None and around and around not in after:
            plan.refused.append(Refusal(row.number, "code", "around", {"code": around}))
        for code in row.successors:
            if len(code) != len(row.code) or (code not in after and code not in ending) or _leads_to(code, row.code, ending):
                plan.refused.append(Refusal(row.number, "successors", "successor", {"code": code}))


def _leads_to(code: str, target: str, ending: Mapping[str, Row]) -> bool:
    """Tell whether successors lead in a circle: from the code back to the target, or to the code itself."""
    seen, waiting = set[str](), [code]
    while waiting:
        one = waiting.pop()
        if one == target or (one == code and code in seen):
            return True
        if one not in seen and one in ending:
            waiting += ending[one].successors
        seen.add(one)
    return False


def describe(plan: Plan, language: str) -> dict[str, Any]:
    """Return the report of a plan: counts, and the first `MOST_SHOWN` of each kind."""

    def named(codes: Iterable[str]) -> list[dict[str, Any]]:
        every = plan.names | plan.new | plan.renamed
        return [{"code": code, "name": every.get(code) or regions.name_of(code) or ""} for code in codes]

    def ends(ended: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
        shown = sorted(ended)[:MOST_SHOWN]
        return [one | {"successors": named(ended[one["code"]]), "rows": int(plan.held.get(one["code"], 0))} for one in named(shown)]

    return {
        "counts": {
            "new": len(plan.new), "renamed": len(plan.renamed), "ended": len(plan.ended),
            "moved": len(plan.moved), "staying": len(plan.staying), "rows_staying": int(sum(plan.held.values())),
            "refused": len(plan.refused),
        },
        "new": named(sorted(plan.new)[:MOST_SHOWN]),
        "renamed": named(sorted(plan.renamed)[:MOST_SHOWN]),
        "moved": ends(plan.moved),
        "staying": ends(plan.staying),
        "refused": [
            {"row": one.row, "column": one.column, "code": f"region_{one.code}", "message": one.message(language)}
            for one in plan.refused[:MOST_SHOWN]
        ],
    }  # fmt: skip
