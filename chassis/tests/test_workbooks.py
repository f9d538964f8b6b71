"""Reading XLSX workbooks: stored values, formats, merged and hidden cells, several sheets, damaged archives; and writing refused rows."""

import csv
import struct
import tracemalloc
import zipfile
from io import BytesIO, StringIO
from itertools import islice
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from chassis.problems import Problem
from chassis.tables import workbook as workbook_module
from chassis.tables.cells import defuse, undefuse
from chassis.tables.columns import Column, letters
from chassis.tables.reading import Row, Table, open_table
from chassis.tables.workbook import Workbook
from chassis.tables.writing import REASONS, RefusedRow, write_csv, write_xlsx
from chassis.testing.workbooks import DATE, MOMENT, PADDED, PERCENT, error, formula, merged, number, sheet, workbook

COLUMNS = (
    Column("id", ("身份证号",), "code", required=True),
    Column("name", ("姓名",), "text", required=True),
    Column("since", ("日期",), "date"),
    Column("password", (), "secret"),
)
HEADINGS = ["身份证号", "姓名", "日期", "password"]
ROW = ["510921194905120023", "欧阳守田"]


def opened(content: bytes, **more: Any) -> Table:
    return open_table(BytesIO(content), COLUMNS, **more)


def read(*rows: list[str | None], **more: Any) -> list[Row]:
    return list(opened(workbook({"Sheet1": sheet([HEADINGS, *rows], **more)})).rows)


def codes(row: Row) -> list[tuple[str | None, str]]:
    return [(fault.field, fault.code) for fault in row.faults]


def refused(content: bytes, **more: Any) -> str:
    with pytest.raises(Problem) as caught:
        list(opened(content, **more).rows)
    assert all(caught.value.body(language)["title"] for language in ("zh-CN", "en"))
    return caught.value.code


@pytest.mark.parametrize(
    ("cell", "read_as"),
    [
        ("510921194905120023", "510921194905120023"), ("'510921194905120023", "510921194905120023"), (number("13800001234"), "13800001234"),
        (number("13800001234.0"), "13800001234"), (number("1.3800001234E10"), "13800001234"), (number("510903001001"), "510903001001"),
        (number("510921490512002"), "510921490512002"), (number("510921194905120000"), "cell_digits"),
        (number("5.1092119490512E+17"), "cell_digits"), (number("5.10921E+11"), "cell_digits"), (number("12.5"), "cell_number"),
        (number("-3"), "cell_number"), (number("051", PADDED), "cell_number"), (number("1", PERCENT), "cell_number"),
        (number("13800001234", 5), "13800001234"), (number("46053", DATE), "cell_date"), (number("46053.5", MOMENT), "cell_date"),
        ("5.10921E+11", "cell_digits"), (error("#N/A"), "cell_error"), (formula("A1&amp;B1", "510921194905120023"), "cell_formula"),
        ('t="b"><v>1</v>', "cell_boolean"), ("=1+1", "cell_formula"), ('t="str"><v>510921194905120023</v>', "510921194905120023"),
        ('t="d"><v>2026-01-31</v>', "cell_date"),
    ],
)  # fmt: skip
def test_codes_keep_all_their_digits_or_are_refused(cell: str, read_as: str) -> None:
    [row] = read([cell, "李四"])
    assert codes(row) == [("id", read_as)] if row.faults else row.values["id"] == read_as


@pytest.mark.parametrize(
    ("cell", "read_as"),
    [
        (number("46053", DATE), "2026-01-31"), ("2026年1月31日", "2026-01-31"), (number("20260131"), "2026-01-31"), (number("46053"), None),
        (number("59", DATE), None), (number("46053.25", MOMENT), None), (number("46053.25", DATE), None), (number("99999999", DATE), None),
        ('t="d"><v>2026-01-31T00:00:00Z</v>', "2026-01-31"),
    ],
)  # fmt: skip
def test_days_are_read_by_their_serial_number(cell: str, read_as: str | None) -> None:
    [row] = read(["1", "李四", cell])
    assert (row.values.get("since"), bool(row.faults)) == (read_as, read_as is None)


def test_days_of_the_1904_calendar_are_read() -> None:
    content = workbook({"a": sheet([HEADINGS, ["1", "李四", number("44591", DATE)]])}, more='<workbookPr date1904="1"/>')
    assert [row.values["since"] for row in opened(content).rows] == ["2026-01-31"]


def test_a_secret_that_is_a_number_is_refused() -> None:
    assert [codes(row) for row in read(["1", "李四", None, number("12345678")])] == [[("password", "cell_number")]]


def test_a_number_as_a_name_is_read_by_its_digits() -> None:
    [row] = read(["1", number("35")])
    assert (row.values["name"], type(row.values["name"])) == ("35", str)


def test_merged_cells_refuse_every_row_they_touch() -> None:
    rows = read(ROW, [ROW[0], "甲"], [None, "乙"], ROW, ["1", "丙", "x"], more=merged("A3:A4", "B6:C6"))
    assert [(row.number, codes(row)) for row in rows] == [
        (2, []), (3, [("id", "cell_merged")]), (4, [("id", "cell_merged")]), (5, []),
        (6, [("name", "cell_merged"), ("since", "cell_merged")]),
    ]  # fmt: skip


def test_a_merged_title_before_the_headings_is_skipped() -> None:
    content = workbook({"a": sheet([["花名册"], HEADINGS, ROW], more=merged("A1:D1"))})
    assert [(row.number, codes(row)) for row in opened(content).rows] == [(3, [])]


def test_hidden_rows_are_refused() -> None:
    assert [(row.number, codes(row)) for row in read(ROW, ROW, ROW, hidden=[3])] == [(2, []), (3, [(None, "row_hidden")]), (4, [])]


def test_empty_rows_and_cells_keep_row_numbers() -> None:
    rows = read([], ROW, ["", " "], [*ROW, None, None, None, "　"], [*ROW, None, None, None, "x"])
    assert [(row.number, codes(row)) for row in rows] == [(3, []), (5, []), (6, [(None, "row_extra")])]


def test_the_only_visible_sheet_with_headings_is_read() -> None:
    sheets = {"说明": sheet([["请填写第二张表"]]), "名单": sheet([HEADINGS, ROW]), "旧名单": sheet([HEADINGS, ROW]), "空": sheet([])}
    table = opened(workbook(sheets, hidden=["旧名单"]))
    assert (table.sheet, table.said()["unread_sheets"], len(list(table.rows))) == ("名单", ["说明", "旧名单", "空"], 1)
    assert refused(workbook(sheets)) == "several_sheets"
    assert opened(workbook(sheets), sheet=" 旧名单").sheet == "旧名单"
    assert refused(workbook(sheets), sheet="x") == "unknown_sheet"
    assert refused(workbook({"a": sheet([]), "b": sheet([HEADINGS, ROW])}, hidden=["b"])) == "table_empty"


def test_runs_escapes_and_readings_of_shared_texts() -> None:
    texts = (
        "<sst><si><r><t>欧阳</t></r><r><rPr/><t>守田</t></r><rPh sb='0' eb='1'><t>ouyang</t></rPh></si><si><t>a_x0041_&amp;b</t></si></sst>"
    )
    rows = [HEADINGS, ["1", 't="s"><v>0</v>'], ["2", 't="s"><v>1</v>']]
    table = opened(workbook({"a": sheet(rows)}, parts={"xl/sharedStrings.xml": texts}))
    assert [row.values["name"] for row in table.rows] == ["欧阳守田", "aA&b"]
    assert refused(workbook({"a": sheet([*rows, ["3", 't="s"><v>7</v>']])}, parts={"xl/sharedStrings.xml": texts})) == "table_damaged"


def test_prefixed_elements_are_read() -> None:
    content = workbook({"a": sheet([HEADINGS, ROW], prefix="x:")})
    assert [row.values["name"] for row in opened(content).rows] == ["欧阳守田"]


def test_a_heading_that_is_repeated_is_refused() -> None:
    assert refused(workbook({"a": sheet([[*HEADINGS, "姓名 "], ROW])})) == "heading_twice"


def one_row(inside: str) -> bytes:
    return workbook({"a": f"<worksheet><sheetData>{inside}</sheetData></worksheet>"})


WHOLE = workbook({"a": sheet([HEADINGS, ROW])})


def with_part(name: str, content: str | bytes) -> bytes:
    return workbook({"a": sheet([HEADINGS, ROW])}, parts={name: content})


@pytest.mark.parametrize(
    "content",
    [
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:60] + bytes(20) + WHOLE[80:],
        with_part("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row"),
        with_part("xl/worksheets/sheet1.xml", '<!DOCTYPE a [<!ENTITY b "c">]><worksheet><sheetData/></worksheet>'),
        with_part("xl/worksheets/sheet1.xml", "<worksheet/>".encode("utf-16")),
        with_part("xl/workbook.xml", "<workbook"),
        with_part("xl/styles.xml", "<styleSheet><numFmts><numFmt/></numFmts></styleSheet>"),
        one_row('<row r="2"/><row r="2"/>'),
        one_row('<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>'),
        one_row('<row r="1"><c r="A2"><v>1</v></c></row>'),
        one_row('<row r="1"><c r="ZZZZ1"><v>1</v></c></row>'),
        one_row('<row r="x"/>'),
        one_row('<row r="1"><c t="q"><v>1</v></c></row>'),
    ],
    ids=[
        "cut", "overwritten", "unclosed", "entities", "utf-16", "no list", "no format", "row twice", "cells back", "cell elsewhere",
        "no column", "no number", "no kind",
    ],
)  # fmt: skip
def test_damaged_workbooks_are_refused(content: bytes) -> None:
    assert refused(content) == "table_damaged"


def test_archives_that_are_no_workbook_are_refused() -> None:
    def archive(*names: str) -> bytes:
        made = BytesIO()
        with zipfile.ZipFile(made, "w") as written:
            for name in names:
                written.writestr(name, "x")
        return made.getvalue()

    found = [refused(archive(*names)) for names in (["word/document.xml"], ["mimetype", "content.xml"], ["xl/workbook.bin"])]
    assert found == ["table_type", "table_old", "table_old"]


def test_an_encrypted_archive_is_refused() -> None:
    content = bytearray(WHOLE)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(signature, at + 1)) >= 0:
            struct.pack_into("<H", content, at + offset, 1)
    assert refused(bytes(content)) == "table_encrypted"


def test_a_bomb_is_refused_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_module, "MOST_SHEET_BYTES", 1 << 20)
    bomb = workbook({"a": sheet([HEADINGS, *([ROW] * 20_000)])})
    assert len(bomb) < 300_000
    tracemalloc.start()
    assert refused(bomb) == "table_too_large"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_many_large_sheets_are_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_module, "MOST_UNPACKED", 1 << 20)
    empty = "<worksheet><sheetData>" + "<row/>" * 40_000 + "</sheetData></worksheet>"
    assert refused(workbook({f"s{at}": empty for at in range(8)} | {"a": sheet([HEADINGS, ROW])})) == "table_too_large"


def test_long_rows_are_refused() -> None:
    """Rows to look at are kept whole, so that a text that many cells share may not be large."""
    texts = "<sst><si><t>" + "长" * 1_000_000 + "</t></si></sst>"
    rows = [HEADINGS, *([["1", 't="s"><v>0</v>']] * 5)]
    assert refused(workbook({"a": sheet(rows)}, parts={"xl/sharedStrings.xml": texts})) == "table_too_large"
    wide = [HEADINGS, [ROW[0], "长" * 3_999, *["x" * 3_999] * 10]]
    assert refused(workbook({"a": sheet(wide)})) == "table_too_large"


def test_ranges_over_one_another_are_refused() -> None:
    over = merged(*["A2:D1048576"] * 400)
    assert refused(workbook({"a": sheet([HEADINGS, ROW], more=over)})) == "table_damaged"


def test_long_headings_are_cut() -> None:
    table = opened(workbook({"a": sheet([[*HEADINGS, "注" * 5_000], ROW])}))
    assert max(len(one["heading"]) for one in table.said()["columns"]) == 200


@pytest.mark.parametrize("raw", ["NaN", "INF", "1_000", "１２", "0x10", "1e", "--1"])
def test_what_is_no_number_is_refused(raw: str) -> None:
    assert [codes(row) for row in read([number(raw), "李四"], ["1", "王五"])] == [[("id", "cell_number")], []]


def test_half_of_a_surrogate_pair_is_a_lost_character() -> None:
    row, other = read(["1", "卫_xD842_"], ["1", "卫_xD842__xDFB7_"])
    assert (codes(row), other.values["name"]) == ([("name", "cell_lost")], "卫𠮷")


@pytest.mark.parametrize("range_", [(2, 2), (1, 3)])
def test_hidden_columns_that_would_be_read_refuse_the_table(range_: tuple[int, int]) -> None:
    first, last = range_
    columns = f'<cols><col min="{first}" max="{last}" hidden="1"/></cols><sheetData>'
    content = workbook({"a": sheet([HEADINGS, ROW]).replace("<sheetData>", columns)})
    assert refused(content) == "column_hidden"
    if range_ == (2, 2):
        assert refused(content, mapping={"姓名": None}) == "headings_missing"


def test_cells_far_to_the_right_are_refused() -> None:
    cells = f'<c r="A1"><v>1</v></c><c r="{letters(5000)}1"><v>1</v></c>'
    assert refused(one_row(f'<row r="1">{cells}</row>')) == "table_too_large"


def made_by_writer(rows: list[list[Any]]) -> bytes:
    made = BytesIO()
    with xlsxwriter.Workbook(made, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        page = book.add_worksheet()
        for at, row in enumerate(rows):
            page.write_row(at, 0, row)
    return made.getvalue()


def test_rows_stream_in_flat_memory() -> None:
    content = made_by_writer([[f"51092119490512{at:04}", f"欧阳守田{at}", "在册", at] for at in range(4_000)])
    peaks = []
    for rows in (800, 4_000):
        book = Workbook(BytesIO(content))
        tracemalloc.start()
        assert sum(1 for _ in islice(book.rows(book.sheets[0]), rows)) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] < 6 << 20


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=20).filter(lambda one: "_x" not in one)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(texts | st.integers(0, 10**14), min_size=1, max_size=6), min_size=1, max_size=6))
def test_plain_workbooks_are_read_as_calamine_reads_them(rows: list[list[Any]]) -> None:
    content = made_by_writer(rows)
    page = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    ours: dict[tuple[int, int], str] = {}
    book = Workbook(BytesIO(content))
    for row in book.rows(book.sheets[0]):
        ours |= {(row.number - 1, at): str(cell) for at, cell in enumerate(row.cells) if cell != ""}
    theirs = {
        (at, place): str(int(cell)) if isinstance(cell, float) else str(cell)
        for at, row in enumerate(page)
        for place, cell in enumerate(row)
        if cell != ""
    }
    assert ours == theirs


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=6) | st.text("'=+-@\t\r1", max_size=6))
def test_what_is_written_is_never_a_formula_and_reads_the_same(cell: str) -> None:
    written = defuse(cell)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert undefuse(written) == cell


REFUSED = [
    RefusedRow(
        3, ["=cmd|' /C calc'!A1", "卫𠮷", "", "extra"], [("姓名", "cell_lost", "有字符丢失", "a character was lost"), ("", "x", "乙", "y")]
    ),
    RefusedRow(70_000, ["+8613800001234"], [("", "row_total", "合计行", "totals")]),
]


def test_refused_rows_are_written_as_csv_with_a_mark() -> None:
    content = b"".join(write_csv(["身份证号", "姓名", REASONS[0]], REFUSED))
    assert content.startswith(b"\xef\xbb\xbf")
    heading, first, second = csv.reader(StringIO(content.decode("utf-8-sig"), newline=""))
    assert heading == [*REASONS, "身份证号", "姓名"]
    assert first == ["3", "姓名; ", "cell_lost; x", "有字符丢失; 乙", "a character was lost; y", "'=cmd|' /C calc'!A1", "卫𠮷", "extra"]
    assert second[5] == "'+8613800001234"


def test_refused_rows_are_written_as_a_workbook_of_texts() -> None:
    made = BytesIO()
    write_xlsx(made, ["身份证号", "姓名"], REFUSED)
    book = Workbook(made)
    _, first, second = book.rows(book.sheets[0])
    assert first.cells[5:] == ["=cmd|' /C calc'!A1", "卫𠮷", "", "extra"]
    assert (second.cells[0], second.cells[5]) == ("70000", "+8613800001234")
    assert b"<f>" not in zipfile.ZipFile(made).read("xl/worksheets/sheet1.xml")
