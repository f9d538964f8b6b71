"""Tables as villages and their programs make them: each cell is read rightly, or its row refused by number, column and code."""

import re
import zipfile
from io import BytesIO
from typing import Any

import pytest

from chassis.imports import work
from chassis.tables.writing import REASONS
from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.workbooks import DATE, PERCENT, error, formula, merged, number, sheet, workbook
from users.imports.kinds import IMPORTS

from .conftest import VILLAGE, household, national_id, phone
from .test_imports import HEADINGS, households, imported, outcomes, refused, row, sent, table

NAME, CARD, TELEPHONE, REGION, SIZE, ADDRESS = HEADINGS[:6]


def garbled(text: str, written: str, read: str) -> str:
    """Return a text as it looks when it was written in one encoding and read in another."""
    return text.encode(written).decode(read)


def refusals(client: Client, by: Person, one: dict[str, Any]) -> list[tuple[str, str, str]]:
    listed = refused(client, by, one)
    assert all(each[REASONS[3]] and each[REASONS[4]] for each in listed)
    return [(each[REASONS[0]], each[REASONS[1]], each[REASONS[2]]) for each in listed]


# The cells of one row that can be read: name, number, telephone, village, size, address; and what is registered.
READ: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "full-width digits": ({"size": "３", "telephone": "０８２５２６６１２３４", "village": "５１０９０３００１００１"}, {"size": 3}),
    "decimal zeros": ({"size": "3.0"}, {"size": 3}),
    "no-break spaces": (
        {"name": "\u00a0欧阳守田\u00a0", "size": "\u00a03\u00a0", "address": "\u00a0三组12号"}, {"size": 3, "address": "三组12号"}
    ),
    "ideographic spaces": ({"name": "　欧阳守田　", "village": f"　{VILLAGE}　"}, {"name": "欧阳守田"}),
    "spaces in a code": ({"village": "510903 001 001"}, {"region": VILLAGE}),
    "telephone with +86 and dashes": ({"telephone": "+86 138-0000-1234"}, {"contact_phone": "+8613800001234"}),
    "telephone with 0086": ({"telephone": "0086 13800001234"}, {"contact_phone": "+8613800001234"}),
    "landline in brackets": ({"telephone": "（0825）2661234"}, {"contact_phone": "+868252661234"}),
    "name of a minority": ({"name": "阿依古丽•买买提"}, {"name": "阿依古丽·买买提"}),
    "name with accents": ({"name": "André Müller"}, {"name": "André Müller"}),
    "rare ideograph": ({"name": "卫𠮷"}, {"name": "卫𠮷"}),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_crooked_cells_are_read(client: Client, database: RolledBack, village: Person, case: str) -> None:
    written, wanted = READ[case]
    done = imported(client, database, village, table(row(**written)))
    assert outcomes(done["written"]) == {"new": 1}, refusals(client, village, done)
    [made] = households(database)
    assert {name: getattr(made, name) for name in wanted} == wanted


@pytest.mark.parametrize("number", ["x in lower case", "full-width", "with spaces", "15 digits with spaces"])
def test_crooked_numbers_of_people_are_read(client: Client, database: RolledBack, village: Person, number: str) -> None:
    card = next(one for one in iter(national_id, "") if one.endswith("X"))
    old = "510921490512002"
    written = {
        "x in lower case": card.lower(),
        "full-width": card.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
        "with spaces": f"{card[:6]} {card[6:14]} {card[14:]}",
        "15 digits with spaces": f"{old[:6]} {old[6:12]} {old[12:]}",
    }[number]
    done = imported(client, database, village, table(row(number=written)))
    assert outcomes(done["written"]) == {"new": 1}, refusals(client, village, done)
    [made] = households(database)
    assert made.national_id == ("510921194905120023" if "15" in number else card)


REFUSED: dict[str, tuple[dict[str, str], str, str]] = {
    "UTF-8 read as GBK": ({"name": garbled("欧阳", "utf-8", "gbk")}, NAME, "cell_encoding"),
    "UTF-8 read as Latin": ({"name": garbled("守田", "utf-8", "latin-1")}, NAME, "cell_encoding"),
    "UTF-8 address read as Windows Latin": ({"address": "ä¸‰ç»„"}, ADDRESS, "cell_encoding"),
    "GBK read as Latin": ({"name": garbled("欧阳守田", "gbk", "latin-1")}, NAME, "cell_encoding"),
    "replaced characters read as GBK": ({"name": "欧阳锟斤拷"}, NAME, "cell_encoding"),
    "replacement character": ({"name": "欧\ufffd守田"}, NAME, "cell_lost"),
    "byte order mark within": ({"name": "欧阳\ufeff守田"}, NAME, "text_invisible"),
    "two telephones": ({"telephone": "13800001234/13900001234"}, TELEPHONE, "text_form"),
    "two telephones with a space": ({"telephone": "13800001234 13900001234"}, TELEPHONE, "text_form"),
    "extension": ({"telephone": "0825-2661234转801"}, TELEPHONE, "text_form"),
    "extension behind a dash": ({"telephone": "010-6655443-2"}, TELEPHONE, "text_form"),
    "telephone without its area": ({"telephone": "2661234"}, TELEPHONE, "text_form"),
    "telephone with an exponent": ({"telephone": "1.38E+10"}, TELEPHONE, "cell_digits"),
    "name of the region": ({"village": "石门村"}, REGION, "unknown_region"),
    "township for a village": ({"village": "510903001"}, REGION, "unknown_region"),
    "village of an ended county": ({"village": "330104999999"}, REGION, "region_ended"),
    "village that has another code elsewhere": ({"village": "510626100001"}, REGION, "outside_region"),
    "exponent for a village": ({"village": "5.10903E+11"}, REGION, "cell_digits"),
    "size in words": ({"size": "三口人"}, SIZE, "not_whole"),
    "size and a unit": ({"size": "3人"}, SIZE, "not_whole"),
    "half a person": ({"size": "3.5"}, SIZE, "not_whole"),
    "two sizes": ({"size": "3 4"}, SIZE, "not_whole"),
    "grouped digits": ({"size": "1_0"}, SIZE, "not_whole"),
    "no people": ({"size": "0"}, SIZE, "out_of_range"),
    "17 digits": ({"number": "51092119490512002"}, CARD, "text_form"),
    "wrong check digit": ({"number": "510921194905120024"}, CARD, "text_form"),
    "15 digits of somebody born 1919": ({"number": "510921190512002"}, CARD, "id_of_15"),
    "name and number swapped": ({"name": "510921194905120023", "number": "欧阳守田"}, NAME, "name_letters"),
    "formula": ({"name": "=A1"}, NAME, "cell_formula"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_crooked_cells_are_refused_by_row_column_and_code(client: Client, database: RolledBack, village: Person, case: str) -> None:
    cells, column, code = REFUSED[case]
    checked = sent(client, database, village, table(row(), row(**cells)))
    assert outcomes(checked["found"]) == {"new": 1, "refused": 1}
    [(at, columns, codes)] = refusals(client, village, checked)
    assert (at, columns.split("; ")[0], codes.split("; ")[0]) == ("3", column, code)


CELLS: dict[str, tuple[dict[str, str], str, str]] = {
    "formula with a cached value": ({CARD: formula("B9", "510921194905120023")}, CARD, "cell_formula"),
    "error": ({TELEPHONE: error("#REF!")}, TELEPHONE, "cell_error"),
    "percentage": ({SIZE: number("0.03", PERCENT)}, SIZE, "cell_number"),
    "date for a size": ({SIZE: number("46053", DATE)}, SIZE, "cell_date"),
    "number of 18 digits": ({CARD: number("510921194905120000")}, CARD, "cell_digits"),
    "code with an exponent": ({REGION: number("5.10903E+11")}, REGION, "cell_digits"),
    "not a number": ({SIZE: number("NaN")}, SIZE, "cell_number"),
    "infinite": ({SIZE: number("INF")}, SIZE, "cell_number"),
    "grouped digits": ({SIZE: number("1_0")}, SIZE, "cell_number"),
    "negative": ({SIZE: number("-3")}, SIZE, "cell_number"),
    "half a surrogate pair": ({NAME: "卫_xD842_"}, NAME, "cell_lost"),
    "zero character": ({NAME: "卫_x0000_"}, NAME, "cell_control"),
    "line break": ({NAME: "卫\n𠮷"}, NAME, "cell_break"),
}  # fmt: skip


@pytest.mark.parametrize("case", CELLS)
def test_crooked_cells_of_a_workbook_are_refused(client: Client, database: RolledBack, village: Person, case: str) -> None:
    changed, column, code = CELLS[case]
    good: list[str | None] = [*row()]
    bad = [changed.get(heading, cell) for heading, cell in zip(HEADINGS, row(), strict=True)]
    checked = sent(client, database, village, workbook({"名单": sheet([HEADINGS, good, bad])}))
    assert outcomes(checked["found"]) == {"new": 1, "refused": 1}, checked["problem"]
    assert refusals(client, village, checked) == [("3", column, code)]


def test_cells_of_a_workbook_in_other_writings_are_read(client: Client, database: RolledBack, village: Person) -> None:
    cells = ["卫_xD842__xDFB7_", national_id(), number("1.3800001234E10"), number(f"{VILLAGE}.0"), number("3.0"), "三组_x0031_2号"]
    done = imported(client, database, village, workbook({"名单": sheet([HEADINGS, cells])}))
    assert outcomes(done["written"]) == {"new": 1}, refusals(client, village, done)
    [made] = households(database)
    assert (made.name, made.contact_phone, made.size, made.address) == ("卫𠮷", "+8613800001234", 3, "三组12号")


def changed_sheet(content: bytes, old: str, new: str) -> bytes:
    """Change the XML of the first sheet of a workbook by a pattern."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as read, zipfile.ZipFile(made, "w") as written:
        for name in read.namelist():
            part = read.read(name)
            written.writestr(name, re.sub(old, new, part.decode()) if name.endswith("sheet1.xml") else part)
    return made.getvalue()


def hidden_columns(content: bytes, first: int, last: int) -> bytes:
    """Hide columns of the first sheet of a workbook."""
    return changed_sheet(content, "<sheetData>", f'<cols><col min="{first}" max="{last}" width="9" hidden="1"/></cols><sheetData>')


def test_hidden_column_that_would_be_read_refuses_the_table(client: Client, database: RolledBack, village: Person) -> None:
    content = workbook({"名单": sheet([HEADINGS, row()])})
    failed = sent(client, database, village, hidden_columns(content, 3, 3))
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "column_hidden")
    assert TELEPHONE in failed["problem"]["title"]
    unread = {"columns": [{"heading": TELEPHONE, "field": None}]}
    assert client.post(f"/v1/imports/{failed['id']}/check", unread, by=village).status_code == 202
    work.work_on_due(IMPORTS, database)
    assert client.get(f"/v1/imports/{failed['id']}", by=village).json["state"] == "checked"
    assert sent(client, database, village, hidden_columns(content, 7, 30))["state"] == "checked"


def test_two_rows_of_headings_guess_nothing(client: Client, database: RolledBack, village: Person) -> None:
    above: list[str | None] = ["户主信息", None, "联系信息", None, "家庭信息"]
    rows = [above, HEADINGS, row()]
    content = workbook({"名单": sheet(rows, more=merged("A1:B1", "C1:D1", "E1:F1"))})
    checked = sent(client, database, village, content)
    assert (checked["state"], checked["table"]["heading_row"], outcomes(checked["found"])) == ("checked", 2, {"new": 1})
    upright: list[list[str | None]] = [
        [NAME, CARD, "联系电话", None, "家庭人口"],
        [None, None, "手机", "座机", None],
        ["卫𠮷", national_id(), phone(), "0825-2661234", "3"],
    ]
    content = workbook({"名单": sheet(upright, more=merged("A1:A2", "B1:B2", "C1:D1", "E1:E2"))})
    checked = sent(client, database, village, content)
    assert outcomes(checked["found"]) == {"refused": 2}
    assert [code for _, _, code in refusals(client, village, checked)] == ["row_extra", "row_extra"]


def test_rows_far_below_keep_their_numbers(client: Client, database: RolledBack, village: Person) -> None:
    content = workbook({"名单": sheet([HEADINGS, row(), row("卫?")])})
    checked = sent(client, database, village, changed_sheet(content, r'r="([A-G]?)3"', r'r="\g<1>70001"'))
    assert outcomes(checked["found"]) == {"new": 1, "refused": 1}, checked
    assert refusals(client, village, checked) == [("70001", NAME, "cell_lost")]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("delimiter", ["\t", ";", ","])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\ufeff\ufeff"])
def test_ends_of_lines_separators_and_marks_are_read(
    client: Client, database: RolledBack, village: Person, end: str, delimiter: str, mark: str
) -> None:
    lines = [[CARD, NAME, ADDRESS], [national_id(), "卫𠮷", '"三组 ""老井"" 旁"'], [national_id(), "李四", ""]]
    done = imported(client, database, village, (mark + end.join(map(delimiter.join, lines))).encode())
    assert (done["table"]["delimiter"], outcomes(done["written"])) == (delimiter, {"new": 2})
    assert [(one.name, one.address) for one in households(database)] == [("卫𠮷", '三组 "老井" 旁'), ("李四", None)]


@pytest.mark.parametrize(
    ("headings", "code"),
    [
        (["姓名", "姓名", "身份证号"], "heading_twice"), (["姓名", "户主姓名", "身份证号"], "headings_alike"),
        (["姓名", "家庭人口"], "headings_missing"), (["甲", "乙", "丙"], "headings_missing"),
        ([garbled("户主姓名", "utf-8", "gb18030"), "x"], "headings_missing"),
    ],
)  # fmt: skip
def test_doubtful_headings_refuse_the_table(client: Client, database: RolledBack, village: Person, headings: list[str], code: str) -> None:
    failed = sent(client, database, village, workbook({"名单": sheet([headings, ["卫𠮷", national_id(), "3"][: len(headings)]])}))
    assert (failed["state"], failed["problem"]["code"]) == ("failed", code)
    assert failed["problem"]["title"]


def test_swapped_columns_are_read_by_their_headings(client: Client, database: RolledBack, village: Person) -> None:
    cells, headings = [*reversed(row("卫𠮷", size="3"))], [*reversed(HEADINGS)]
    done = imported(client, database, village, table(cells, headings=headings))
    assert outcomes(done["written"]) == {"new": 1}
    assert [(one.name, one.size) for one in households(database)] == [("卫𠮷", 3)]


HALF = "_xD800_"


@pytest.mark.parametrize("headings", [[f"姓名{HALF}", "身份证号"], [HALF, HALF, "姓名", "身份证号"], [f"x{HALF}", "姓名", "身份证号"]])
def test_half_characters_in_headings_stop_no_other_import(
    client: Client, database: RolledBack, village: Person, headings: list[str]
) -> None:
    content = workbook({"名单": sheet([headings, ["卫𠮷", national_id(), "x"]])})
    first = sent(client, database, village, content)
    assert first["state"] in {"failed", "checked"}
    assert first["problem"] is None or first["problem"]["code"] in {"headings_missing", "heading_twice"}
    assert sent(client, database, village, table(row()))["state"] == "checked"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"phone": "010-6655443-2"}, "text_form"), ({"phone": "13800001234 13900001234"}, "text_form"), ({"size": "3"}, "not_whole"),
        ({"size": 3.0}, "not_whole"), ({"name": "卫\ufeff𠮷"}, "text_invisible"), ({"national_id": "510921490512002"}, "text_form"),
        ({"address": "三组\x00"}, "text_form"), ({"status": "在册"}, "not_a_choice"), ({"region": VILLAGE}, "unknown"),
    ],
)  # fmt: skip
def test_crooked_changes_of_a_household_are_refused(
    client: Client, database: RolledBack, village: Person, change: dict[str, Any], code: str
) -> None:
    made = client.post("/v1/households", household(), by=village).json
    answer = client.patch(f"/v1/households/{made['id']}", change, by=village)
    assert (answer.status_code, [error["code"] for error in answer.json["errors"]]) == (422, [code])
    assert client.get(f"/v1/households/{made['id']}", by=village).json["version"] == made["version"]


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"phone": "＋８６ １３８００００１２３４"}, "contact_phone", "13800001234"),
        ({"phone": "（0825）2661234"}, "contact_phone", "0825-2661234"), ({"phone": None}, "contact_phone", None),
        ({"name": "　卫𠮷　"}, "name", "卫𠮷"), ({"address": "\u00a0三组12号 "}, "address", "三组12号"),
    ],
)  # fmt: skip
def test_crooked_changes_of_a_household_are_read(
    client: Client, database: RolledBack, village: Person, change: dict[str, Any], field: str, value: Any
) -> None:
    made = client.post("/v1/households", household(), by=village).json
    answer = client.patch(f"/v1/households/{made['id']}", change, by=village)
    assert (answer.status_code, answer.json.get(field)) == (200, value)


@pytest.mark.parametrize(("region", "code"), [("330104", "region_ended"), ("5109030010", "unknown_region"), ("石门村", "unknown_region")])
def test_import_for_a_region_that_is_none_is_refused(client: Client, village: Person, region: str, code: str) -> None:
    answer = client.flask.post(
        "/v1/imports",
        data=table(row()),
        query_string={"kind": "households", "region": region},
        headers=client._headers(village),
        content_type="text/csv",
    )
    assert (answer.status_code, [error["code"] for error in answer.json["errors"]]) == (422, [code])
