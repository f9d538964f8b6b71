"""Parser of the shared texts of an XLSX workbook: handlers that expat calls for each element, and a pattern for plain texts."""

import re
from xml.parsers import expat

from chassis.tables.cells import LONGEST_CELL
from chassis.tables.plain_elements import TEXT, Feed, PlainElements
from chassis.tables.shared_texts import SharedTexts

LONGEST_TEXT = 10 * LONGEST_CELL
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PHONETIC = rb'(?:<phoneticPr fontId="[0-9]{1,5}"(?: type="[A-Za-z]+")?(?: alignment="[A-Za-z]+")?/>)?'
_PLAIN_TEXT = re.compile(rb'<si><t(?: xml:space="preserve")?>(' + TEXT + rb")</t>" + _PHONETIC + rb"</si>")
_PLAIN_TEXTS = re.compile(rb'(?:<si><t(?: xml:space="preserve")?>' + TEXT + rb"</t>" + _PHONETIC + rb"</si>)+")


class TextsParser:
    """Handlers that collect the shared texts: the runs of each, without its phonetic reading."""

    def __init__(self, texts: SharedTexts) -> None:
        self._texts, self._parts = texts, list[str]()
        self._is_text = self._is_phonetic = self._is_inside = False

    def attach(self, parser: expat.XMLParserType) -> Feed:
        """Let this be called by a parser; return what takes the document."""
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        return PlainElements(parser, b"si", self._read_plain, lambda: self._is_inside).feed

    def _read_plain(self, buffer: bytes, at: int) -> int:
        """Read the plain texts from here on; return the place behind them."""
        run = _PLAIN_TEXTS.match(buffer, at)
        if run is None:
            return at
        texts = _PLAIN_TEXT.findall(buffer, at, run.end())
        if max(map(len, texts)) > LONGEST_TEXT:
            return at
        if b"_x" in run[0]:
            texts = [unescape(text.decode()).encode("utf-8", "surrogatepass") for text in texts]
        self._texts.extend(texts)
        return run.end()

    def _start(self, name: str, _: dict[str, str]) -> None:
        match local_name(name):
            case "t":
                self._is_text = not self._is_phonetic
            case "rPh":
                self._is_phonetic = True
            case "si":
                self._parts.clear()
            case "sst":
                self._is_inside = name == "sst"

    def _end(self, name: str) -> None:
        match local_name(name):
            case "t":
                self._is_text = False
            case "rPh":
                self._is_phonetic = False
            case "si":
                self._texts.add(unescape("".join(self._parts)[:LONGEST_TEXT]))
            case "sst":
                self._is_inside = False

    def _characters(self, text: str) -> None:
        if self._is_text:
            self._parts.append(text)


def local_name(name: str) -> str:
    """Return the name of an element or attribute without its prefix."""
    return name.rpartition(":")[2]


def unescape(text: str) -> str:
    """Replace `_x000D_` and the like by their characters. Half of a surrogate pair is a character that was lost."""
    if "_x" not in text:
        return text
    written = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
