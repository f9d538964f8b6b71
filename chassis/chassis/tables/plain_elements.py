"""Elements of the plainest form, read by patterns; a parser sees all the rest of the document.

Nearly all rows of a sheet and nearly all shared texts look alike. A pattern reads such an element at a third of what expat takes for its
parts. The parser gets everything before, between and behind them, in order, so it still refuses a document that is broken.
"""

import re
from collections.abc import Callable
from xml.parsers import expat

LONGEST = 1 << 20
"""Bytes that an element may have before the parser gets it piece by piece."""
_INSIDE = rb"[^<>&\r\x00-\x08\x0b\x0c\x0e-\x1f\xef]*+"
SPECIAL = (b"<!", b"<?")
"""Marks of what may hide an element: comments, sections, instructions."""
TEXT = _INSIDE + rb"(?:\xef(?:[\x80-\xbe][\x80-\xbf]|\xbf[\x80-\xbd])" + _INSIDE + rb")*"
"""Pattern of a text that means just what it shows: without entities, and without what a document may not hold."""
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml[^<>?]*\?>)?\s*(?=<[A-Za-z])")
_OTHER_ENCODING = re.compile(rb"encoding\s*=\s*[\"'](?!utf-8[\"'])", re.IGNORECASE)

Read = Callable[[bytes, int], int]
"""Reads plain elements of a buffer from a start on; returns the place behind the last one, the start if there is none, or `INCOMPLETE`."""
Feed = Callable[..., object]
"""Takes the pieces of a document: `feed(piece, is_final)`."""
INCOMPLETE = -1
"""A plain element begins, whose end has not come yet."""


class PlainElements:
    """Cuts plain elements out of a document that comes piece by piece.

    A comment, a CDATA section or an instruction may hide what looks like an element: from the piece with the first one on, the parser gets
    everything.
    """

    def __init__(self, parser: expat.XMLParserType, name: bytes, read: Read, is_inside: Callable[[], bool]) -> None:
        """`read` is called for starts of elements with this name while `is_inside` says that the parser is where they belong."""
        self._parser, self._read, self._is_inside = parser, read, is_inside
        self._start = re.compile(rb"<" + name + rb"[ >]")
        self._rest, self._is_first, self._is_plain = b"", True, True

    def feed(self, piece: bytes, is_final: bool = False) -> None:
        """Take the next piece of the document, or the end of it."""
        buffer = self._rest + piece
        if self._is_first and buffer:
            buffer = self._begin(buffer)
        if any(mark in buffer for mark in SPECIAL) or len(self._rest) > LONGEST:
            self._is_plain = False
        if self._is_plain and not is_final:
            self._rest = self._cut(buffer)
        else:
            self._rest = b""
            self._parser.Parse(buffer, is_final)

    def _begin(self, buffer: bytes) -> bytes:
        """Parse what stands before the first element, and return the rest."""
        self._is_first = False
        beginning = _BEGINNING.match(buffer)
        if beginning is None or _OTHER_ENCODING.search(beginning[0]):
            self._is_plain = False
            return buffer
        self._parser.Parse(beginning[0])
        return buffer[beginning.end() :]

    def _cut(self, buffer: bytes) -> bytes:
        """Read the plain elements of a buffer, and parse what stands before and between them; return what is not complete."""
        unparsed = at = 0
        while found := self._start.search(buffer, at):
            begin = found.start()
            if begin > unparsed:
                self._parser.Parse(buffer[unparsed:begin])
                unparsed = begin
            end = self._read(buffer, begin) if self._is_inside() else begin
            if end == INCOMPLETE:
                return buffer[begin:]
            if end > begin:
                unparsed = at = end
            else:
                # The parser gets this one, together with what follows.
                at = found.end()
        # A mark may be cut in two: the next piece completes it.
        last = max(buffer.rfind(b"<", unparsed), unparsed)
        self._parser.Parse(buffer[unparsed:last])
        return buffer[last:]
