"""Lines of large tables: each asks for something for one household or institution. A batch is judged and posted by a few statements."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.data.bulk_sql import copy_rows
from chassis.data.encryption import fingerprint
from chassis.http.auth import Caller
from chassis.http.fields import Choice, Id, Strict, Text, Whole
from chassis.imports.kinds import Imports, Kind
from chassis.imports.lines import Line
from chassis.problems import FieldCode, Problem
from chassis.tables.faults import Fault
from needs.catalogue import queries as catalogue
from needs.catalogue import rules
from needs.catalogue.defaults import forbidden
from needs.catalogue.labels import NUMBERS, SPECIFICATION
from needs.catalogue.rules import Terms
from needs.imports import queries
from needs.imports.columns import TABLE_COLUMNS
from needs.imports.doubts import find_doubts
from needs.imports.entry import enter_needs
from needs.imports.labels import CONSENT, URGENCY
from needs.imports.model import Import, ImportedLine, ImportPart, ImportRows
from needs.imports.names import ItemNames, plain_name
from needs.imports.quantities import read_quantity
from needs.imports.queries import COUNTY_DIGITS
from needs.limits import actions as limits
from needs.limits.problems import too_many_needs
from needs.model import Household
from needs.quotas.queries import load_quotas_of_many
from needs.quotas.rules import find_quota_problem

log = logging.getLogger("needs.imports")
ACT = "import_needs"
BATCH = 500
"""Lines of a transaction: each locks its household and the keys of its reason, and the database has room for some thousand locks."""
MOST_UNKNOWN = 300
"""The most names whose rows are counted because no item has them."""
COMPARED = ("household_id", "item", "quantity", "unit", "reason", *SPECIFICATION)
Posted = tuple[Household, Mapping[str, Any], Terms]
County = tuple[Mapping[str, Terms], ItemNames]


class TableRow(Strict):
    """A row of a table: what a household or institution asks for."""

    household_id = Id(required=True)
    item = Text(100, required=True)
    quantity = Text(40, required=True)
    unit = Text(20)
    reason = Text(500, required=True)
    urgency = Choice(URGENCY, load_default="normal")
    consent = Choice(CONSENT)
    size = Text(50)
    model = Text(50)
    standard = Text(100)
    dosage = Text(100)
    species = Text(50)
    age = Whole(*NUMBERS["age"])
    power = Whole(*NUMBERS["power"])


def digest_line(line: Line) -> bytes | None:
    """Return 32 bytes that are equal for lines that ask for the same; None for a line that cannot be read."""
    if not line.is_judged:
        return None
    if "line" not in line.fingerprints:
        stated = [str(line.wanted.get(name, "")) for name in COMPARED]
        line.fingerprints["line"] = fingerprint("need line " + json.dumps(stated, ensure_ascii=False))
    return line.fingerprints["line"]


def judge(session: Session, caller: Caller, one: Import, lines: Sequence[Line]) -> None:
    """Set the outcome of valid lines as if they were posted now, and count the names that no item has."""
    judged = _Judged(session, caller, one, lines, is_locked=False)
    if judged.unknown:
        counted = Counter(one.unknown_names) + judged.unknown
        one.unknown_names = dict(counted.most_common(MOST_UNKNOWN))


def write(session: Session, caller: Caller, one: Import, lines: Sequence[Line]) -> None:
    """Judge the lines under the locks of their households, then post those that may be posted."""
    judged = _Judged(session, caller, one, lines, is_locked=True)
    chosen = [line for line in lines if line.outcome == "new" or (line.outcome == "doubtful" and one.takes_doubtful)]
    if not chosen:
        return
    needs = enter_needs(session, caller, [judged.posted[line.number] for line in chosen])
    for line, need in zip(chosen, needs, strict=True):
        line.outcome, line.subject_id = "new", need.id
    digests = [line.fingerprints["line"] for line in chosen]
    # Rows whose earlier needs were withdrawn or have expired.
    queries.forget_lines(session, digests)
    rows = [(line.fingerprints["line"], line.subject_id, one.id, line.number) for line in chosen]
    copy_rows(session, ImportedLine.__tablename__, ("digest", "need_id", "import_id", "row"), rows)
    counted = Counter(need.household_id for need in needs)
    audit_log.record(session, caller, *(_entry(judged.households[of], many) for of, many in counted.items()))


def _entry(household: Household, many: int) -> Entry:
    person = None if household.is_institution else household.account_id or household.id
    details = {"needs": many}
    return Entry(act=ACT, subject="household", subject_id=household.id, person_id=person, region=household.region, details=details)


class _Judged:
    """Lines of a batch with their outcomes, and what each asks for."""

    def __init__(self, session: Session, caller: Caller, one: Import, lines: Sequence[Line], *, is_locked: bool) -> None:
        self._session, self._caller, self._region, self._takes_doubtful = session, caller, one.region, one.takes_doubtful
        self._counties: dict[str, County] = {}
        self._problems: dict[str, Problem | None] = {}
        # Lines of a list state the same few reasons.
        self._find_in_texts = cache(rules.find_text_problem)
        self.posted: dict[int, Posted] = {}
        self.unknown = Counter[str]()
        ids = {line.wanted["household_id"] for line in lines}
        self.households = {
            found.id: found
            for found in queries.load_households(session, ids, is_locked=is_locked)
            if not found.ended and found.region.startswith(one.region) and caller.manages(found.region)
        }
        if is_locked:
            limits.lock_people(session, self.households)
        standing = queries.find_standing(session, {line.fingerprints["line"] for line in lines})
        for line in lines:
            self._judge(line, standing)
        self._doubt([line for line in lines if line.number in self.posted])
        self._keep_quotas([line for line in lines if line.number in self.posted])
        self._keep_limits([line for line in lines if line.number in self.posted])

    def _judge(self, line: Line, standing: Collection[bytes]) -> None:
        wanted, household = line.wanted, self.households.get(line.wanted["household_id"])
        if household is None:
            line.refuse("unknown_household", "household_id")
        elif line.fingerprints["line"] in standing:
            line.outcome = "same"
        elif not household.is_institution and not wanted.get("consent"):
            line.refuse("consent_needed", "consent")
        elif problem := self._find_name_problem(wanted["item"]):
            _refuse(line, problem, "item")
        else:
            offered, names = self._county_of(household)
            if category := names.find(wanted["item"]):
                self._read(line, household, offered[category])
            else:
                self.unknown[plain_name(wanted["item"])] += 1
                line.refuse("item_unknown", "item")

    def _find_name_problem(self, name: str) -> Problem | None:
        """Return why nobody may ask for what is named so; the lines of a table name the same few things."""
        if name not in self._problems:
            self._problems[name] = rules.find_text_problem([("item", name)], forbidden())
        return self._problems[name]

    def _read(self, line: Line, household: Household, terms: Terms) -> None:
        """Read the quantity of a line, and see whether it keeps to the terms of its item."""
        wanted, item = line.wanted, terms.item
        read = read_quantity(wanted["quantity"], wanted.get("unit", ""), item.unit or "", item.measure)
        if read.number is None:
            line.refuse(f"quantity_{read.held}", "quantity")
            return
        specification = {name: wanted[name] for name in item.specification if name in wanted}
        of_institution = household.is_institution
        problem = rules.find_need_problem(
            terms, read.number, wanted["reason"], specification, forbidden(), size=household.size, of_institution=of_institution,
            find_in_texts=self._find_in_texts,
        )  # fmt: skip
        if problem:
            _refuse(line, problem, "quantity" if problem.code == "too_many" else "item")
            return
        if read.hedge:
            line.doubt(read.hedge, "quantity")
        stated = {"category": item.category, "quantity": read.number, "specification": specification}
        if of_institution:
            stated["consent"] = None
        self.posted[line.number] = household, {**wanted, **stated}, terms

    def _doubt(self, lines: Sequence[Line]) -> None:
        """Doubt lines that look filled in by a spreadsheet, or that a household asks for twice or has asked for already."""
        by_household: dict[UUID, list[Line]] = defaultdict(list)
        for line in lines:
            by_household[line.wanted["household_id"]].append(line)
        for mine in by_household.values():
            written = [line.wanted for line in mine]
            found = find_doubts(
                [line.number for line in mine],
                [one["item"] for one in written],
                [one["quantity"] for one in written],
                [self.posted[line.number][2].item.category for line in mine],
            )
            for line in mine:
                for doubt in found[line.number]:
                    line.doubt(doubt.code, "item" if doubt.code.startswith("item") else "quantity", row=doubt.row)
        open_ones = queries.count_open_needs_of(self._session, by_household)
        for line in lines:
            household, _, terms = self.posted[line.number]
            if count := open_ones.get((household.id, terms.item.category), 0):
                line.doubt("need_open", "item", count=count)

    def _keep_limits(self, lines: Sequence[Line]) -> None:
        """Refuse the lines beyond the number of needs that a household may post within a day."""
        asking = {line.wanted["household_id"] for line in lines}
        rooms = limits.load_rooms(self._session, [one for one in self.households.values() if one.id in asking and not one.is_institution])
        for line in lines:
            room = rooms.get(line.wanted["household_id"])
            if room is None or (line.outcome == "doubtful" and not self._takes_doubtful):
                continue
            if room.used >= room.most:
                line.refuse(too_many_needs.code, "household_id", most=room.most, used=room.used, left=0)
                del self.posted[line.number]
            else:
                room.used += 1

    def _keep_quotas(self, lines: Sequence[Line]) -> None:
        """Refuse the lines that pass the quota of a household, together with the lines before."""
        left = load_quotas_of_many(self._session, [(self.posted[line.number][0], self.posted[line.number][2]) for line in lines])
        for line in lines:
            household, wanted, terms = self.posted[line.number]
            key = household.id, terms.item.category
            if key not in left:
                continue
            if problem := find_quota_problem(terms, left[key], wanted["quantity"]):
                _refuse(line, problem, "quantity")
                del self.posted[line.number]
            elif line.outcome == "new" or self._takes_doubtful:
                left[key] = replace(left[key], used=left[key].used + wanted["quantity"])

    def _county_of(self, household: Household) -> County:
        """Return the items that are offered in a household's county, and the names by which it knows them."""
        county = household.region[:COUNTY_DIGITS]
        if county not in self._counties:
            self._counties[county] = _load_names(self._session, county)
        return self._counties[county]


_names: dict[str, tuple[Sequence[Terms], Mapping[str, str], County]] = {}
"""The counties of the last batches, with the terms and names that they come from."""


def _load_names(session: Session, county: str) -> County:
    """Load the items that are offered in a county and the names of them, from memory as long as neither has changed."""
    terms, learned = catalogue.list_terms(session, county), queries.load_item_names(session, county)
    known = _names.get(county)
    if known is None or known[0] is not terms or known[1] != learned:
        if len(_names) >= catalogue.MOST_REGIONS:
            _names.clear()
        offered = {one.item.category: one for one in terms if one.offered and one.item.unit}
        items = {category: one.item for category, one in offered.items()}
        known = _names[county] = terms, learned, (offered, ItemNames(items, learned))
    return known[2]


def _refuse(line: Line, problem: Problem, of: str) -> None:
    """Refuse a line for what is wrong with its fields, or else for the problem itself."""
    line.outcome = "refused"
    if problem.errors and problem.code == "invalid":
        for error in problem.errors:
            code = FieldCode.of(error["code"])
            line.faults.append(Fault(str(code), error["pointer"].rpartition("/")[2], None, code.details, code.words))
    else:
        line.faults.append(Fault(problem.code, of, None, problem.details))


KINDS = {"needs": Kind(TABLE_COLUMNS, TableRow(), digest_line, judge, write, has_own_region=True, batch=BATCH)}
IMPORTS = Imports(Import, ImportPart, ImportRows, KINDS, log)
