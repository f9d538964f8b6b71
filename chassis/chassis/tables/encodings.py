"""Detection of the encoding of a text file. What may be one encoding or another is refused."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from chassis.tables.faults import table_encoding

CHUNK = 1 << 16
MARKS = ((codecs.BOM_UTF32_LE, ""), (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
"""Byte order marks and their encodings. UTF-32, which no spreadsheet writes, is none that is read."""
_LATIN_AS_HANZI = re.compile(rb"(?:[\x00-\x7f]|[\xc2-\xd7][\xa1-\xbf])*\Z")
"""UTF-8 of two-byte letters alone that are also common ideographs of GB 2312, such as 陆."""
_CHARACTER = re.compile(rb"([\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]|[\xb0-\xf7\xa1\xa3][\xa1-\xfe])|[\x81-\xfe][\x40-\x7e\x80-\xfe]")
"""A character of more than one byte; the group holds those that another encoding seldom has: four bytes, or GB 2312."""
LEAST_LIKELY = 0.6
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_LATIN_LETTER = re.compile("[A-Za-z]")
_UTF8_AS_GBK = frozenset(
    "".join(bytes((first, second)).decode("gbk", "ignore") for first in (*range(0xE2, 0xEA), 0xEF) for second in range(0x80, 0xC0))
)
"""First characters of Chinese texts in UTF-8 that were read as GBK, such as 娆 of 欧."""


def detect(file: BinaryIO) -> str:
    """Return the encoding of a whole file: `utf-8`, `utf-8-sig`, `utf-16-le`, `utf-16-be` or `gb18030`.

    Raises `table_encoding` when it is none of these for certain.
    """
    file.seek(0)
    start = file.read(4)
    for mark, encoding in MARKS:
        if start.startswith(mark):
            if encoding and _decodes(file, encoding):
                return encoding
            raise table_encoding()
    # UTF-16 without a mark has zeros in its line ends and separators.
    if any(0 in chunk for chunk in _chunks(file)):
        fitting = [encoding for encoding in ("utf-16-le", "utf-16-be") if _is_utf16(file, encoding)]
        if len(fitting) == 1:
            return fitting[0]
    if _decodes(file, "utf-8"):
        if _is_doubtful(file):
            raise table_encoding()
        return "utf-8"
    if _decodes(file, "gb18030") and _likely_share(file) >= LEAST_LIKELY:
        return "gb18030"
    raise table_encoding()


def is_garbled(text: str) -> bool:
    """Tell whether a text was saved in one encoding and read in another before it came here: 娆ч槼 or æ¬§é˜³ or Å·Ñô for 欧阳, 锟斤拷."""
    if "锟斤" in text:
        return True
    first = text[:1]
    if first.isascii():
        found = _NOT_ASCII.search(text)
        if found is None:
            return False
        first = found[0]
    if first in _UTF8_AS_GBK:
        return _holds_ideographs(text.encode("gb18030", "replace"), "utf-8")
    if first > "\xff":
        return False
    raw = b"".join(_byte_of(one) for one in text)
    return _holds_ideographs(raw, "utf-8") or (_LATIN_LETTER.search(text) is None and _holds_ideographs(raw, "gb2312"))


def _byte_of(character: str) -> bytes:
    """Return the byte that Windows shows as this character; a zero for one that is no single byte."""
    return character.encode("latin-1") if character <= "\xff" else character.encode("cp1252", "ignore") or b"\0"


def _holds_ideographs(raw: bytes, encoding: str) -> bool:
    """Tell whether bytes are a text of this encoding with ideographs and nothing that no text holds."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return "\0" not in text and any("\u4e00" <= one <= "\u9fff" for one in text)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes line by line, so that hardly any character is cut in two."""
    file.seek(0)
    while line := file.readline(CHUNK):
        yield line


def _decoded(file: BinaryIO, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in _chunks(file):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _decodes(file: BinaryIO, encoding: str) -> bool:
    try:
        for _ in _decoded(file, encoding):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _is_utf16(file: BinaryIO, encoding: str) -> bool:
    """Tell whether this byte order gives a text with separators and without zeros."""
    is_separated = False
    try:
        for text in _decoded(file, encoding):
            if "\0" in text:
                return False
            is_separated = is_separated or any(mark in text for mark in "\n,\t;")
    except UnicodeDecodeError:
        return False
    return is_separated


def _is_doubtful(file: BinaryIO) -> bool:
    """Tell whether valid UTF-8 may as well be GB 18030: it holds letters of two bytes alone, each of which is a common ideograph."""
    is_ascii = True
    for line in _lines(file):
        if not line.isascii():
            is_ascii = False
            if not _LATIN_AS_HANZI.match(line):
                return False
    return not is_ascii


def _likely_share(file: BinaryIO) -> float:
    """Return the share of likely characters among those of more than one byte."""
    likely = every = 0
    for line in _lines(file):
        found = _CHARACTER.findall(line)
        every += len(found)
        likely += sum(map(bool, found))
    return likely / every if every else 0.0
