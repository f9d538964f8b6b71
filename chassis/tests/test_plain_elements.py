"""Plain rows and shared texts are read by patterns; everything is read as the XML parser alone would read it."""

from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.problems import Problem
from chassis.tables import plain_elements, reading, workbook
from chassis.tables.columns import Column, letters
from chassis.tables.plain_elements import PlainElements
from chassis.tables.workbook import Workbook
from chassis.testing.twins import unguarded
from chassis.testing.workbooks import DATE, PERCENT, error, formula, number, text
from chassis.testing.workbooks import workbook as made_workbook

ROW = '<row r="{0}" spans="1:2"><c r="A{0}" t="s"><v>0</v></c><c r="B{0}"><v>{0}</v></c></row>'
PHONETIC = '<phoneticPr fontId="1" type="noConversion"/>'
TEXTS = f'<sst><si><t>欧阳守田</t></si><si><t xml:space="preserve"> a </t>{PHONETIC}</si><si><t>_x0041_</t></si></sst>'


def read(page: str | bytes, texts: str | bytes = TEXTS) -> Any:
    """Return everything that is read of a sheet, or the code of the problem."""
    parts = {"xl/worksheets/sheet1.xml": page, "xl/sharedStrings.xml": texts}
    try:
        book = Workbook(BytesIO(made_workbook({"a": ""}, parts=parts)))
        return [
            (row.number, [(str(cell), getattr(cell, "mark", None)) for cell in row.cells], row.fault and row.fault.code)
            for row in book.rows(book.sheets[0])
        ]
    except Problem as problem:
        return problem.code


def parse_all(self: PlainElements, buffer: bytes) -> bytes:
    self._parser.Parse(buffer)
    return b""


def read_by_parser(page: str | bytes, texts: str | bytes = TEXTS) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainElements, "_cut", parse_all)
        return read(page, texts)


def sheet_of(*inside: str, head: str = "") -> str:
    return f"{head}<worksheet><sheetData>{''.join(inside)}</sheetData></worksheet>"


EMPTY = 's="1"/>'
cells = st.one_of(
    st.just(None),
    st.sampled_from(
        ['t="s"><v>0</v>', 't="s"><v>1</v>', 't="s"><v>2</v>', 't="s"><v>9</v>', 't="n"><v>12</v>', 's="1">', EMPTY, 't="s"><v></v>']
    ),
    st.sampled_from(
        [number("46053", DATE), number("0.5", PERCENT), error("#N/A"), formula("A1", "7"), 't="b"><v>1</v>', 't="str"><v>b</v>']
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(text),
)
ROW_HEADS = ["", ' spans="1:3"', ' hidden="1"', ' ht="15" customHeight="1"', ' ht="1" ht="2"', ' s="1" customFormat="1"']
BETWEEN = ["", "\n", '<row r="90000"/>', "<!-- <row> -->", "<x/>"]


@st.composite
def pages(draw: st.DrawFn) -> str:
    """Draw a sheet whose rows are mostly plain; some are crooked, and some stand in the wrong place."""
    parts, at = list[str](), 0
    for cells_of_row in draw(st.lists(st.lists(cells, max_size=4), max_size=8)):
        at += draw(st.sampled_from([1, 1, 1, 1, 3, 0]))
        inside = "".join(
            f'<c r="{letters(place)}{at}" {cell}' + ("" if cell == EMPTY else "</c>")
            for place, cell in enumerate(cells_of_row)
            if cell is not None
        )
        parts.append(f'<row r="{at}"{draw(st.sampled_from(ROW_HEADS[:2] * 3 + ROW_HEADS))}>{inside}</row>')
        parts.append(draw(st.sampled_from(BETWEEN[:1] * 12 + BETWEEN)))
    return sheet_of(*parts)


@settings(max_examples=200, deadline=None)
@given(pages(), st.sampled_from([1 << 16, 64, 7]))
def test_rows_are_read_as_the_parser_reads_them(page: str, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbook, "CHUNK", chunk)
        assert read(page) == read_by_parser(page)


CROOKED = {
    "row in a comment": sheet_of(ROW.format(1), f"<!--{ROW.format(2)}-->", ROW.format(3)),
    "row in a section": sheet_of(ROW.format(1), f"<x><![CDATA[{ROW.format(2)}]]></x>", ROW.format(3)),
    "row in an instruction": sheet_of(ROW.format(1), f"<?x {ROW.format(2)}?>", ROW.format(3)),
    "row twice": sheet_of(ROW.format(1), ROW.format(1)),
    "row before another": sheet_of(ROW.format(2), ROW.format(1)),
    "row within a row": sheet_of(f'<row r="1">{ROW.format(2)}</row>'),
    "row behind the end": sheet_of(ROW.format(1)) + ROW.format(2),
    "row alone": ROW.format(1),
    "row elsewhere": f"<worksheet><x>{ROW.format(1)}</x><sheetData>{ROW.format(2)}</sheetData></worksheet>",
    "cell of another row": sheet_of('<row r="1"><c r="A2" t="s"><v>0</v></c></row>'),
    "cell twice": sheet_of('<row r="1"><c r="A1" t="s"><v>0</v></c><c r="A1" t="s"><v>0</v></c></row>'),
    "empty cell twice": sheet_of('<row r="1"><c r="A1"/><c r="A1" t="s"><v>0</v></c></row>'),
    "no such text": sheet_of('<row r="1"><c r="A1" t="s"><v>7</v></c></row>'),
    "no such style": sheet_of('<row r="1"><c r="A1" s="99"><v>7</v></c></row>'),
    "no such character": sheet_of('<row r="1"><c r="A1" t="inlineStr"><is><t>\uffff</t></is></c></row>'),
    "end of a section": sheet_of('<row r="1"><c r="A1" t="inlineStr"><is><t>]]></t></is></c></row>'),
    "entities": sheet_of('<row r="1"><c r="A1" t="inlineStr"><is><t>a&amp;b&#65;</t></is></c></row>'),
    "unknown entity": sheet_of('<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row>'),
    "not UTF-8": sheet_of('<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>').encode().replace(b">a<", b">\xc3<"),
    "another encoding": sheet_of(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>é</t></is></c></row>', head='<?xml version="1.0" encoding="ISO-8859-1"?>'
    ).encode("latin-1"),
    "with a mark": "\ufeff" + sheet_of(ROW.format(1), head='<?xml version="1.0" encoding="UTF-8"?>\n'),
    "unclosed": "<worksheet><sheetData>" + ROW.format(1),
    "unclosed row": "<worksheet><sheetData>" + ROW.format(1)[:-6],
    "many unclosed rows": "<worksheet><sheetData>" + '<row r="1">' * 30,
    "far to the right": sheet_of(f'<row r="1"><c r="A1" t="s"><v>0</v></c><c r="{letters(400)}1" t="s"><v>0</v></c></row>'),
}


@pytest.mark.parametrize("page", CROOKED.values(), ids=CROOKED)
def test_crooked_sheets_are_read_as_the_parser_reads_them(page: str | bytes) -> None:
    assert read(page) == read_by_parser(page)


@pytest.mark.parametrize("special", [b"<!", unguarded(b"<! never", "without the look for comments, what they hide is read")])
def test_row_in_a_comment_is_not_read(monkeypatch: pytest.MonkeyPatch, special: bytes) -> None:
    monkeypatch.setattr(plain_elements, "SPECIAL", (special, b"<?"))
    assert [row[0] for row in read(CROOKED["row in a comment"])] == [1, 3]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6), min_size=1, max_size=9), st.sampled_from([1 << 16, 40])
)
def test_shared_texts_are_read_as_the_parser_reads_them(texts: list[str], chunk: int) -> None:
    parts = [
        f"<si><t{' xml:space=' + chr(34) + 'preserve' + chr(34) if one != one.strip() else ''}>{escape(one)}</t></si>" for one in texts
    ]
    parts.insert(len(parts) // 2, "<si><r><t>欧</t></r><r><t>阳</t></r><rPh sb='0' eb='1'><t>ou</t></rPh></si>")
    rows = "".join(f'<row r="{at + 1}"><c r="A{at + 1}" t="s"><v>{at}</v></c></row>' for at in range(len(parts)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbook, "CHUNK", chunk)
        shared = f"<sst>{''.join(parts)}</sst>"
        assert read(sheet_of(rows), shared) == read_by_parser(sheet_of(rows), shared)


COLUMNS = (
    Column("kind", ("类型",), "choice", choices={"donor": ("爱心人士", "donor")}),
    Column("code", ("编号",), "code"),
    Column("name", ("姓名",), "text"),
    Column("since", ("日期",), "date"),
    Column("note", ("备注",), "prose"),
    Column("secret", ("密码",), "secret"),
)
plain = st.text(st.sampled_from("09AeEx欧合计小total \x1f?='. 1"), max_size=6) | st.sampled_from(
    ["爱心人士", "合计", "total", "20260131", "1e5", "510921194905120023", "51092119490512002X", "类型", "a\x1fb"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(plain, max_size=7), max_size=5), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_plain_cells_are_read_as_each_is_alone(rows: list[list[str]], encoding: str) -> None:
    lines = [["类型", "编号", "姓名", "日期", "备注", "密码"], *rows]
    content = "\n".join(",".join(cell.replace(",", "") for cell in line) for line in lines).encode(encoding)

    def found() -> list[reading.Row]:
        return list(reading.open_table(BytesIO(content), COLUMNS).rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading._RowReader, "_read_plain", lambda *_: None)
        closely = found()
    assert found() == closely
