"""The order of commits: which rows a reader has seen, although transactions commit in another order than they began.

Each row holds the id of the transaction that wrote it last (`xid8`). A reader keeps the snapshot of its last read. What that snapshot does
not see is new, whenever its transaction began. So nothing is lost and nothing is read twice.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Self
from uuid import UUID

_SNAPSHOT = re.compile(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)", re.ASCII)
_KEY = re.compile(r"(\d{1,19})_([0-9a-f]{32})", re.ASCII)
MOST_CHARACTERS = 4000
MOST_AHEAD = 10_000


@dataclass(frozen=True)
class Snapshot:
    """A view of PostgreSQL: it shows transactions before `first`, and those before `end` that are not `running`."""

    first: int
    end: int
    running: frozenset[int]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `pg_current_snapshot()` as text. Raises `ValueError` for anything else."""
        if not (found := _SNAPSHOT.fullmatch(text)):
            raise ValueError("not a snapshot")
        first, end, running = found.groups()
        return cls(int(first), int(end), frozenset(map(int, running.split(","))) if running else frozenset())

    @cached_property
    def text(self) -> str:
        """The snapshot as PostgreSQL writes it."""
        return f"{self.first}:{self.end}:{','.join(map(str, sorted(self.running)))}"

    def sees(self, transaction: int) -> bool:
        """Tell whether a transaction had committed."""
        return transaction < self.end and transaction not in self.running

    def includes(self, other: "Snapshot") -> bool:
        """Tell whether everything that the other one sees is seen here; an earlier snapshot of the same server is."""
        if other.end - self.end > MOST_AHEAD:
            return False
        return not any(other.sees(one) for one in (*self.running, *range(self.end, other.end)))


@dataclass(frozen=True)
class Cursor:
    """The place of a reader. Within a batch of new rows, `until` is the snapshot behind the batch, and `last` the last row that was read.

    Rows of a batch are read in the order of their transactions, then of their subjects.
    """

    seen: Snapshot
    until: Snapshot | None = None
    last: tuple[int, UUID] | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a cursor that `text` wrote. Raises `ValueError` for anything else."""
        if len(text) > MOST_CHARACTERS:
            raise ValueError("not a cursor")
        seen, *within = text.split("/")
        if not within:
            return cls(Snapshot.of(seen))
        if len(within) != 2 or not (key := _KEY.fullmatch(within[1])):
            raise ValueError("not a cursor")
        return cls(Snapshot.of(seen), Snapshot.of(within[0]), (int(key[1]), UUID(key[2])))

    @property
    def text(self) -> str:
        """The cursor in characters that headers and addresses may hold."""
        if self.until is None or self.last is None:
            return self.seen.text
        return f"{self.seen.text}/{self.until.text}/{self.last[0]}_{self.last[1].hex}"

    @property
    def newest(self) -> Snapshot:
        """The newest snapshot in which this reader has read."""
        return self.until or self.seen

    def has_read(self, transaction: int, subject: UUID) -> bool:
        """Tell whether the reader has read a row that this transaction wrote."""
        if self.seen.sees(transaction):
            return True
        if self.until is None or self.last is None or not self.until.sees(transaction):
            return False
        return (transaction, subject) <= self.last
