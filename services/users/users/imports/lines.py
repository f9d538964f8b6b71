"""Lines of the tables that users imports: those of people, found by the fingerprints of telephones and national ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from chassis import problems as chassis_problems
from chassis.data.encryption import fingerprint
from chassis.imports import lines
from chassis.imports import problems as import_problems
from chassis.imports.lines import OUTCOMES
from chassis.problems import Problem
from chassis.tables import faults
from chassis.tables.faults import message
from chassis.tables.reading import Row
from chassis.text import clean_code
from users import personal, problems

__all__ = ["OUTCOMES", "Line", "LineReader", "say"]
_FINGERPRINTED = ("phone", "national_id")

WORDS: Mapping[str, Mapping[str, str]] = {
    "row_repeated": {"zh-CN": "与第 {row} 行重复，请删去一行", "en": "repeats row {row}; remove one of them"},
    "name_differs": {
        "zh-CN": "此人已登记，姓名却不同，请核对后再决定是否更改",
        "en": "this person is registered under another name; check before the name is changed",
    },
    "id_lengthened": {"zh-CN": "15 位身份证号已换算为 18 位，请核对", "en": "the 15-digit number was converted to 18 digits; check it"},
    "id_of_zeros": {
        "zh-CN": "身份证号以 000 结尾，请核对是否被电子表格舍去了末三位",
        "en": "the number ends in 000; check that no spreadsheet has cut off its end",
    },
    "id_of_15": {
        "zh-CN": "15 位号码可能是漏写末三位的 18 位号码，请填写 18 位身份证号",
        "en": "these 15 digits may be the beginning of an 18-digit number; enter all 18",
    },
    "changed": {"zh-CN": "与已登记的不同，将更改，请核对", "en": "differs from what is registered and will be changed; check it"},
    "phone_shared": {"zh-CN": "与他户共用同一电话，请核对", "en": "another household has the same telephone; check it"},
}
"""Words of lines, by code and language."""
PROBLEM_WORDS: Mapping[str, Mapping[str, str]] = {
    one.code: one.words
    for module in (problems, faults, chassis_problems, import_problems)
    for one in vars(module).values()
    if isinstance(one, type) and issubclass(one, Problem) and one is not Problem
}
"""Words of the problems that refuse a line or a whole table."""
ALL_WORDS = {**PROBLEM_WORDS, **WORDS}
"""Words of all that is said about tables and their lines."""


@dataclass(slots=True)
class Line(lines.Line):
    """A row of a table about people."""

    LASTING: ClassVar[frozenset[str]] = frozenset({"id_lengthened", "id_of_zeros"})


L = TypeVar("L", bound=Line)


class LineReader(lines.LineReader[L]):
    """Reads the rows of a table about people: national ids of 15 digits are lengthened, and telephones and ids get fingerprints."""

    def read(self, row: Row) -> L:
        """Validate a row."""
        line = super().read(row)
        for name in _FINGERPRINTED:
            if line.wanted.get(name):
                line.fingerprints[name] = fingerprint(line.wanted[name])
        return line

    def prepare(self, line: L, name: str, text: str) -> str | None:
        """Lengthen a national id of 15 digits; refuse the line where they may be the beginning of 18."""
        if name != "national_id":
            return text
        value: str | None = text
        code = clean_code(text, "-()")
        if len(code) == 15 and code.isascii() and code.isdigit():
            value = personal.lengthen_national_id(code)
            if value is None:
                line.refuse("id_of_15", name)
                return None
            line.note("id_lengthened", name)
        if code.endswith("000"):
            line.note("id_of_zeros", name)
        return value


def say(code: str, language: str, details: Mapping[str, object], words: str | None = None) -> str:
    """Return the sentence of a fault, a note or a problem in `zh-CN` or `en`; `words` is the key of its words, if not its code."""
    return message(words or code, language, details, ALL_WORDS)
