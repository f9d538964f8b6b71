"""Reading CSV files: what is certain is read, everything else is refused by the spreadsheet's row."""

import codecs
from io import BytesIO
from typing import Any

import pytest

from chassis.problems import Problem
from chassis.tables import cells, delimited, encodings, reading
from chassis.tables.columns import Column, Matching
from chassis.tables.faults import TABLE_WORDS, message
from chassis.tables.reading import Row, Table, open_table
from chassis.testing.twins import altered, unguarded

KINDS = {"donor": ("爱心人士", "donor"), "household": ("贫困户", "household")}
COLUMNS = (
    Column("kind", ("类型",), "choice", required=True, choices=KINDS),
    Column("phone", ("手机号", "联系电话"), "code", required=True),
    Column("name", ("姓名", "户主姓名"), "text", required=True),
    Column("password", ("密码",), "secret"),
    Column("since", ("登记日期",), "date"),
    Column("note", ("备注",), "prose"),
)
HEADING = "kind,phone,name,password,since,note"


def opened(content: str | bytes, encoding: str = "utf-8", **more: Any) -> Table:
    return open_table(BytesIO(content.encode(encoding) if isinstance(content, str) else content), COLUMNS, **more)


def read(*lines: str, heading: str = HEADING, encoding: str = "utf-8", end: str = "\r\n") -> list[Row]:
    return list(opened(end.join((heading, *lines)) + end, encoding).rows)


def codes(row: Row) -> list[tuple[str | None, str]]:
    return [(fault.field, fault.code) for fault in row.faults]


def refused(content: str | bytes, encoding: str = "utf-8", **more: Any) -> str:
    with pytest.raises(Problem) as caught:
        list(opened(content, encoding, **more).rows)
    assert all(caught.value.body(language)["title"] for language in ("zh-CN", "en"))
    return caught.value.code


ROW = "donor,13800001234,欧阳守田"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gbk", "gb18030"), ("gb18030", "gb18030"), ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_encodings_delimiters_and_line_ends_are_found(encoding: str, said: str, delimiter: str, end: str) -> None:
    text = end.join(("类型,手机号,姓名,备注", f"{ROW},", "household,13900001234,石门坎,在家")).replace(",", delimiter)
    table = opened(text, encoding)
    assert (table.said()["encoding"], table.said()["delimiter"]) == (said, delimiter)
    assert [(row.number, row.values) for row in table.rows] == [
        (2, {"kind": "donor", "phone": "13800001234", "name": "欧阳守田"}),
        (3, {"kind": "household", "phone": "13900001234", "name": "石门坎", "note": "在家"}),
    ]


def test_a_mark_of_utf16_big_endian_is_dropped() -> None:
    table = opened(codecs.BOM_UTF16_BE + f"{HEADING}\n{ROW}".encode("utf-16-be"))
    assert [row.values["kind"] for row in table.rows] == ["donor"]


@pytest.mark.parametrize("name", ["卫𠮷", "朱镕基", "阿依古丽·买买提", "吉克·阿牛"])
def test_rare_characters_of_gb18030_are_read(name: str) -> None:
    assert [row.values["name"] for row in read(f"donor,1,{name}", encoding="gb18030")] == [name]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (f"{HEADING}\ndonor,1,陆", "gbk"),
        (f"{HEADING}\ndonor,1,镕", "gbk"),
        (f"{HEADING}\ndonor,1,André", "latin-1"),
        (f"{HEADING}\ndonor,1,Müller,,,Zoë hört", "latin-1"),
        ("類型,手機號,姓名,備註\ndonor,1,歐陽守田,這是備註", "big5"),
        (f"{HEADING}\n{ROW}", "utf-32"),
        (f"{HEADING}\ndonor,1,".encode() + b"\xff\xff", ""),
        (b"\xff\xfe" + f"{HEADING}\n{ROW}".encode("utf-16-le") + b"x", ""),
    ],
    ids=["two readings", "latin or hanzi", "latin", "latin as hanzi", "big5", "utf-32", "neither", "half a character"],
)
def test_an_encoding_that_is_not_certain_is_refused(content: str | bytes, encoding: str) -> None:
    assert refused(content, encoding) == "table_encoding"


def test_utf8_letters_that_gbk_would_read_too_are_read() -> None:
    assert [row.values["name"] for row in read("donor,1,ئالىم", "donor,2,André Müller")] == ["ئالىم", "André Müller"]


@pytest.mark.parametrize("shown", ["?", "？", "□", "\ufffd", "〓", "\ue863"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_lost_character_of_a_name_is_refused(shown: str, encoding: str) -> None:
    row, other = read(f"donor,1,卫{shown}", "donor,2,卫𠮷", encoding=encoding)
    assert (codes(row), other.values["name"]) == ([("name", "cell_lost")], "卫𠮷")


def test_lost_character_is_refused_and_a_question_mark_is_read() -> None:
    row, other = read("donor,1,卫𠮷".encode("gbk", "replace").decode("gbk"), "donor,2,李四,,,在家吗?", encoding="gbk")
    assert (codes(row), other.values["note"]) == ([("name", "cell_lost")], "在家吗?")


@pytest.mark.parametrize("name", ["娆ч槼", "娆ч槼瀹堢敯", "欧阳锟斤拷", "æ¬§é˜³", "Å·ÑôÊØÌï", "ÀîËÄ"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_text_that_was_read_in_another_encoding_is_refused(name: str, encoding: str) -> None:
    row, other = read(f"donor,1,{name}", "donor,2,欧阳守田", encoding=encoding)
    assert (codes(row), codes(other)) == ([("name", "cell_encoding")], [])


@pytest.mark.parametrize(
    "name",
    ["琚德", "骞爱国", "André Müller", "Citroën Zoë", "créée", "阿依古丽·买买提", "John·Smith", "ئالىم", "Nguyễn", "37°C", "½", "陆"],
)
def test_names_that_only_look_garbled_are_read(name: str) -> None:
    assert encodings.is_garbled(name) is False


def test_a_row_of_another_encoding_is_refused() -> None:
    content = f"{HEADING}\r\ndonor,1,欧阳守田\r\n".encode("gbk") + "donor,2,欧阳\r\n".encode() + "donor,3,石门坎\r\n".encode("gbk")
    assert [codes(row) for row in opened(content).rows] == [[], [("name", "cell_encoding")], []]


@pytest.mark.parametrize("line", [f"{ROW},,,", f"{ROW},,,,,,", ROW, '"donor" , "13800001234", "欧阳守田" ', f" {ROW} ,", f"{ROW}\u3000"])
def test_empty_endings_and_stray_spaces_are_read(line: str) -> None:
    rows = read(",,,", line, "", "   ,　,", line)
    assert [row.number for row in rows] == [3, 6]
    assert {tuple(row.values.items()) for row in rows} == {(("kind", "donor"), ("phone", "13800001234"), ("name", "欧阳守田"))}


@pytest.mark.parametrize("line", [f"{ROW},,,,x", f"{ROW},,,,,,y"])
def test_a_cell_that_no_heading_names_refuses_its_row(line: str) -> None:
    row, other = read(line, ROW)
    assert (codes(row), row.values, codes(other)) == ([(None, "row_extra")], {}, [])


def test_a_cell_under_an_empty_heading_refuses_its_row() -> None:
    assert [codes(row) for row in read("donor,1,x,李四", "donor,1,,李四", heading="kind,phone,,name")] == [[(None, "row_extra")], []]


SWALLOWED: list[tuple[list[str], list[str | None]]] = [
    (['donor,1,"冯知微,p1', "donor,2,李四,p2", "donor,3,王五,p3"], ["row_quote", None, None]),
    (['donor,1,"冯知微,p1', 'donor,2,李四,"p2"', "donor,3,王五,p3"], ["row_quote", None, None]),
    (['donor,1,冯知微,"p1', 'donor,2,李四,p2"', "donor,3,王五,p3"], ["row_quote", "row_in_doubt", None]),
    (['donor,1,冯知微,"p1', "donor,2,李四,p2", 'donor,3,王五,p3"', ROW], ["row_quote", "row_in_doubt", "row_in_doubt", None]),
    (['donor,1,冯知微,"p1', 'donor,2,"李四",p2', "donor,3,王五,p3"], ["row_quote", None, None]),
    (['donor,1,冯"知微,p1', "donor,2,李四,p2"], ["row_quote", None]),
    (['donor,1,"冯知微"x,p1', "donor,2,李四,p2"], ["row_quote", None]),
    (['donor,1,冯知微",p1', "donor,2,李四,p2"], ["row_quote", None]),
    (['donor,1,冯知微,"p1'], ["row_quote"]),
    (['"donor,1,冯知微,p1', '"donor,2,李四,p2'], ["row_quote", "row_quote"]),
]


def assert_nothing_is_swallowed(lines: list[str], faults: list[str | None]) -> None:
    rows = read(*lines)
    assert [row.number for row in rows] == list(range(2, len(lines) + 2))
    assert [row.faults[0].code if row.faults else None for row in rows] == faults
    for line, row in zip(lines, rows, strict=True):
        assert row.faults or row.values["name"] in line
        assert ",".join(row.cells) == line or '"' in line


@pytest.mark.parametrize(("lines", "faults"), SWALLOWED)
def test_no_row_swallows_another(lines: list[str], faults: list[str | None]) -> None:
    assert_nothing_is_swallowed(lines, faults)


@pytest.mark.parametrize(
    "change", [unguarded(("_may_be_rows", "return inside or ", "return False and "), reason="a quoted cell takes in rows")]
)
def test_no_row_swallows_another_without_the_doubt(change: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    name, guard, instead = change
    monkeypatch.setattr(delimited._Rows, name, altered(getattr(delimited._Rows, name), guard, instead))
    assert_nothing_is_swallowed(*SWALLOWED[2])


def test_long_quoted_cell_is_no_row() -> None:
    lines = ['donor,1,李四,p,,"' + "长" * 20_000, "长" * 20_000 + '"']
    assert [(row.number, codes(row)) for row in read(*lines, ROW)] == [
        (2, [(None, "row_quote")]), (3, [(None, "row_quote")]), (4, []),
    ]  # fmt: skip


def test_a_line_break_in_a_cell_shifts_no_row_number() -> None:
    rows = read('donor,1,冯知微,p,,"一楼\r\n二楼"', "donor,2,李四", 'donor,3,"王\n五"', "x,4,赵六")
    assert [(row.number, row.values.get("note"), codes(row)) for row in rows] == [
        (2, "一楼\n二楼", []), (3, None, []), (4, None, [("name", "cell_break")]), (5, None, []),
    ]  # fmt: skip


def test_doubled_quotes_and_delimiters_in_quotes_are_read() -> None:
    [row] = read('donor,1,李四,"a,""b"" ;c",,"x, y"')
    assert (row.values["password"], row.values["note"]) == ('a,"b" ;c', "x, y")


@pytest.mark.parametrize(
    ("cell", "read_as"),
    [
        ("13800001234", "13800001234"), ("'13800001234", "13800001234"), ("‘13800001234", "13800001234"), ('="13800001234"', "13800001234"),
        ("'+8613800001234", "+8613800001234"), ("+86 138", "+86 138"), ("5.10921E+11", "cell_digits"), ("1.38e+10", "cell_digits"),
        ("510921194905120000", "cell_digits"), ("5109211949051200", "cell_digits"), ("510921194905120023", "510921194905120023"),
        ("510903001000", "510903001000"), ("13800001234.0", "cell_digits"), ("#N/A", "cell_error"), ("#REF!", "cell_error"),
        ("########", "cell_error"), ("=A1", "cell_formula"), ("=1+1", "cell_formula"), ("1\x002", "cell_control"), ("13?", "cell_lost"),
    ],
)  # fmt: skip
def test_codes_keep_all_their_digits_or_are_refused(cell: str, read_as: str) -> None:
    [row] = read('donor,"' + cell.replace('"', '""') + '",李四')
    assert codes(row)[0][1] == read_as if row.faults else row.values["phone"] == read_as


def test_numbers_that_end_in_zeros_by_chance_are_read() -> None:
    lines = [f"donor,51092119490512{number:04},李四" for number in range(990, 1030)]
    assert [codes(row) for row in read(*lines)] == [[]] * 40
    rounded = [f"donor,51092119490512{number}000,李四" for number in range(3)]
    assert [len(codes(row)) for row in read(*lines, *rounded)] == [0] * 10 + [1] + [0] * 29 + [1] * 3


@pytest.mark.parametrize(
    ("cell", "read_as"),
    [
        ("2026-01-31", "2026-01-31"), ("2026/1/31", "2026-01-31"), ("2026.1.31", "2026-01-31"), ("2026年1月31日", "2026-01-31"),
        ("20260131", "2026-01-31"), ("2026-01-31 00:00:00", "2026-01-31"), ("31/01/2026", None), ("01/02/26", None), ("46053", None),
        ("2026-02-30", None), ("2026-01-31 08:00", None),
    ],
)  # fmt: skip
def test_days_are_read_when_there_is_one_reading(cell: str, read_as: str | None) -> None:
    [row] = read(f"donor,1,李四,,{cell}")
    assert (row.values.get("since"), codes(row)) == (read_as, [] if read_as else [("since", "cell_no_date")])


@pytest.mark.parametrize("cell", [" p ", "'p", "a?b", "#x", "12345678", "□"])
def test_secrets_are_read_as_written(cell: str) -> None:
    assert [row.values["password"] for row in read(f"donor,1,李四,{cell}")] == [cell]


@pytest.mark.parametrize("label", ["donor", "Donor", " 爱心人士 ", "ｄｏｎｏｒ"])
def test_choices_are_read_by_their_labels(label: str) -> None:
    assert [row.values["kind"] for row in read(f"{label},1,李四", f"类型,1,{label}")] == ["donor", "类型"]


@pytest.mark.parametrize("line", ["合计,,35", "合 计：,,", ",小计,", "总计,2,", "Total,,", "合计35户,,", "共计：3人", "Subtotal"])
def test_rows_of_totals_are_refused_with_a_word(line: str) -> None:
    assert [codes(row) for row in read(ROW, line)] == [[], [(None, "row_total")]]


def test_names_that_begin_like_totals_are_read() -> None:
    assert [codes(row) for row in read("donor,1,合计平", "donor,2,Total Care", "donor,3,总")] == [[], [], []]


def test_headings_in_the_middle_are_refused() -> None:
    assert [codes(row) for row in read(ROW, HEADING, ROW)] == [[], [(None, "row_heading")], []]


def test_titles_before_the_headings_are_skipped_and_said() -> None:
    table = opened(f"石门村帮扶对象花名册,,\r\n填表日期：2026年1月,,\r\n\r\n{HEADING}\r\n{ROW}")
    assert (table.said()["heading_row"], [(row.number, row.values["name"]) for row in table.rows]) == (4, [(5, "欧阳守田")])


@pytest.mark.parametrize(
    "heading",
    [
        "类型,手机号,姓名", "类 型, 手机号 ,姓　名", "类型*,手机号（必填）,姓名：", "ｋｉｎｄ,PHONE,Name",
        '"kind","phone","name "', "\u200bkind,phone,name,,",
        "类型,联系电话,户主姓名,序号",
    ],
)  # fmt: skip
def test_headings_are_matched_in_both_languages(heading: str) -> None:
    assert [row.values["name"] for row in read(ROW, heading=heading)] == ["欧阳守田"]


@pytest.mark.parametrize(
    ("heading", "code"),
    [
        ("kind,phone,name,name", "heading_twice"), ("kind,phone,name, Name ", "heading_twice"), ("kind,phone,name,x,x", "heading_twice"),
        ("kind,phone,name,姓名", "headings_alike"), ("kind,手机号,联系电话,name", "headings_alike"), ("kind,phone", "headings_missing"),
        ("a,b,c", "headings_missing"), ("", "headings_missing"),
    ],
)  # fmt: skip
def test_headings_that_are_not_certain_are_refused(heading: str, code: str) -> None:
    assert refused(f"{heading}\r\ndonor,1,甲,乙\r\n") == code


def test_a_mapping_names_and_drops_headings() -> None:
    text = "类别,电话一,电话二,称呼\ndonor,1,2,李四"
    table = opened(text, mapping={"类别": "kind", "电话一": "phone", "电话二": None, "称呼": "name"})
    assert [row.values for row in table.rows] == [{"kind": "donor", "phone": "1", "name": "李四"}]
    assert [one["field"] for one in table.said()["columns"]] == ["kind", "phone", None, "name"]
    assert refused(text, mapping={"类别": "sort"}) == "unknown_column"


def test_a_line_that_names_the_separator_is_no_row() -> None:
    assert [(row.number, row.values["phone"]) for row in opened("sep=;\r\nkind;phone;name\r\ndonor;1;李四").rows] == [(2, "1")]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "table_empty"), (b"\n,,\n", "table_empty"), (b"%PDF-1.7", "table_type"), (b"\x89PNG\r\n\x1a\n", "table_type"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "table_old"), (b"<html><table>", "table_old"),
        (b"\r\n <?xml version='1.0'?>", "table_old"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "table_encrypted"),
        (f"{HEADING}\n{ROW}".encode() + b"x" * 200_000, "table_too_large"),
    ],
)  # fmt: skip
def test_other_files_are_refused_with_a_sentence(content: bytes, code: str) -> None:
    assert refused(content) == code


def test_a_zero_character_refuses_its_row_alone() -> None:
    assert [codes(row) for row in read("donor,1,李\0四", ROW)] == [[("name", "cell_control")], []]


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    assert refused("\n".join((HEADING, *[ROW] * 4))) == "table_too_large"


def test_every_fault_has_a_sentence_in_both_languages() -> None:
    details = {"column": "A", "row": 2, "shown": "#N/A"}
    assert all(message(code, language, details) for code in TABLE_WORDS for language in ("zh-CN", "en"))


def test_long_cells_are_refused() -> None:
    assert [codes(row) for row in read(f"donor,1,李四,,,{'长' * (cells.LONGEST_CELL + 1)}")] == [[("note", "cell_long")]]


def test_likely_share_counts_four_bytes_and_common_characters() -> None:
    assert encodings._likely_share(BytesIO("卫𠮷镕".encode("gb18030"))) == pytest.approx(2 / 3)


def test_a_heading_needs_two_fields() -> None:
    matching = Matching(COLUMNS)
    assert (matching.is_heading(["名单", "姓名"]), matching.is_heading(["姓名", "手机号"])) == (False, True)
