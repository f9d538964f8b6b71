"""Faults of tables: problems of whole files, and faults of rows with a stable code and words in both languages."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from chassis.problems import FIELD_WORDS, problem

table_type = problem(
    422,
    "table_type",
    zh="文件不是 CSV 或 XLSX 表格，请另存后再上传",
    en="The file is neither a CSV nor an XLSX table. Save it as one of these and upload it again.",
)
table_old = problem(
    422,
    "table_old",
    zh="不支持 {kind} 格式，请在电子表格软件中另存为 XLSX 后再上传",
    en="{kind} files cannot be read. Save the table as XLSX and upload it again.",
)
table_encrypted = problem(
    422,
    "table_encrypted",
    zh="文件设有打开密码，请取消密码后再上传",
    en="The file is protected by a password. Remove the password and upload it again.",
)
table_damaged = problem(
    422,
    "table_damaged",
    zh="文件已损坏，请用电子表格软件打开并重新保存后再上传",
    en="The file is damaged. Open it in a spreadsheet program, save it and upload it again.",
)
table_too_large = problem(
    422,
    "table_too_large",
    zh="表格过大（{what_zh}最多 {most}），请分成几个文件",
    en="The table is too large ({what_en}: {most} at most). Split it into several files.",
)
table_empty = problem(422, "table_empty", zh="表格是空的，请填写后再上传", en="The table is empty. Fill it in and upload it again.")
table_encoding = problem(
    422,
    "table_encoding",
    zh="无法确定文字编码，请另存为“CSV UTF-8”或 XLSX 后再上传",
    en="The text encoding is not certain. Save the table as “CSV UTF-8” or XLSX and upload it again.",
)
several_sheets = problem(
    422,
    "several_sheets",
    zh="有几张工作表可以读取（{sheets}），请指定其中一张",
    en="Several sheets can be read ({sheets}). Choose one of them.",
)
unknown_sheet = problem(
    422, "unknown_sheet", zh="没有名为“{sheet}”的工作表，请重新选择", en="There is no sheet named “{sheet}”. Choose another one."
)
headings_missing = problem(
    422,
    "headings_missing",
    zh="没有找到表头，请补上：{headings}",
    en="Headings are missing. Add them: {headings}.",
)
heading_twice = problem(
    422,
    "heading_twice",
    zh="表头“{heading}”出现了两次，请改名或删去一列",
    en="The heading “{heading}” appears twice. Rename or remove one column.",
)
headings_alike = problem(
    422,
    "headings_alike",
    zh="表头“{first}”和“{second}”是同一项内容，请删去一列或在对应关系中说明",
    en="The headings “{first}” and “{second}” mean the same. Remove one column, or state in the mapping which one counts.",
)
column_hidden = problem(
    422,
    "column_hidden",
    zh="“{heading}”所在的列被隐藏，请取消隐藏或删去该列，或在对应关系中说明不读取",
    en="The column “{heading}” is hidden. Show it, delete it, or leave it unread in the mapping.",
)
unknown_column = problem(
    422,
    "unknown_column",
    zh="没有“{field}”这一项，请修改表头对应关系",
    en="The mapping names “{field}”, which this kind of table does not have. Correct the mapping.",
)

TABLE_WORDS = {
    "row_extra": {
        "zh-CN": "{column} 列没有表头，却有内容，该行可能错位，请检查",
        "en": "column {column} has no heading but holds something; check whether the row is shifted",
    },
    "row_quote": {
        "zh-CN": "引号没有成对，可能吞掉后面的行，请检查该行的引号",
        "en": "a quotation mark is not closed or stands inside a cell, and might swallow the next rows; check the quotation marks",
    },
    "row_in_doubt": {
        "zh-CN": "该行可能是第 {row} 行引号内的内容，请先改正第 {row} 行的引号",
        "en": "this row may belong to the quoted cell that begins in row {row}; mend the quotation marks of row {row} first",
    },
    "row_total": {"zh-CN": "这是合计行，未导入", "en": "this is a row of totals and is not imported"},
    "row_heading": {"zh-CN": "这是重复的表头，未导入", "en": "this row repeats the headings and is not imported"},
    "row_hidden": {
        "zh-CN": "该行被隐藏或筛选掉了，未导入，请取消隐藏或删去该行",
        "en": "this row is hidden or filtered out and is not imported; show it or delete it",
    },
    "row_wide": {"zh-CN": "该行列数过多，请检查", "en": "this row has too many columns; check it"},
    "cell_long": {"zh-CN": "单元格内容过长，请缩短", "en": "the cell holds too much text; shorten it"},
    "cell_formula": {"zh-CN": "单元格是公式，请粘贴为数值", "en": "the cell is a formula; paste its value instead"},
    "cell_error": {"zh-CN": "单元格显示为错误（{shown}），请重新填写", "en": "the cell shows an error ({shown}); enter it again"},
    "cell_digits": {
        "zh-CN": "数字位数已丢失（电子表格只保留 15 位），请把该列设为文本，重新填写",
        "en": "digits were lost (spreadsheets keep 15); make the column text and enter the number again",
    },
    "cell_number": {
        "zh-CN": "单元格是数值，请设为文本后按原样填写",
        "en": "the cell is a number; make it text and enter it as it is written",
    },
    "cell_date": {"zh-CN": "单元格是日期，请设为文本后重新填写", "en": "the cell is a date; make it text and enter it again"},
    "cell_no_date": {
        "zh-CN": "须是日期，如 2026-01-31 或 2026 年 1 月 31 日",
        "en": "enter a date such as 2026-01-31",
    },
    "cell_boolean": {"zh-CN": "单元格是逻辑值，请填写文字", "en": "the cell is TRUE or FALSE; enter text"},
    "cell_merged": {"zh-CN": "合并单元格，请取消合并并逐行填写", "en": "the cell is merged; unmerge it and fill in each row"},
    "cell_lost": {
        "zh-CN": "有字符在保存时丢失或变成了“{shown}”，请改正",
        "en": "a character was lost when the file was saved, or became “{shown}”; enter it again",
    },
    "cell_encoding": {
        "zh-CN": "文字编码与文件其余部分不同，可能是乱码，请重新填写",
        "en": "the text seems to have another encoding than the rest of the file; enter it again",
    },
    "cell_control": {"zh-CN": "含有看不见的控制字符，请删去", "en": "the cell holds control characters; remove them"},
    "cell_break": {"zh-CN": "单元格内有换行，请删去", "en": "the cell holds a line break; remove it"},
}
"""Words of the faults of rows, by code and language. A code never changes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a row: a code of `TABLE_WORDS` or `FIELD_WORDS`, or of a problem; and the column that it lies in, if in one.

    `words` is the key of its words, where another than the code's own says more.
    """

    code: str
    field: str | None = None
    heading: str | None = None
    details: Mapping[str, object] = dataclasses.field(default_factory=dict)
    words: str | None = None


class CellFault(Exception):
    """A cell cannot be read for certain."""

    def __init__(self, code: str, **details: object) -> None:
        """Take a code of `TABLE_WORDS` and the details that its words name."""
        super().__init__(code)
        self.code, self.details = code, details


def message(code: str, language: str, details: Mapping[str, object], words: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return the sentence of a fault in `zh-CN` or `en`; `words` are those of codes that the caller has of its own."""
    known = (words or {}).get(code) or TABLE_WORDS.get(code) or FIELD_WORDS.get(code) or FIELD_WORDS["wrong"]
    return known[language].format_map(details)
