"""What a clearing chose, it takes hold of: the pledges that nobody was faster with, and the next best instead of the others."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.rows import array
from matching.allocation import Offered, Share

ATTEMPTS = 3

_HOLD = text(
    "SELECT id, version, rest, not_for FROM pledges WHERE id = ANY(CAST(:ids AS uuid[])) AND NOT ended AND valid_until > now()"
    " ORDER BY id FOR UPDATE SKIP LOCKED"
)


def held(
    session: Session, share: Callable[[Sequence[Offered]], list[Share]], pledges: Sequence[Offered], read: Mapping[UUID, Any]
) -> list[Share]:
    """Shares of pledges that are still as they were `read`; their rows are locked, and nobody is waited for.

    What somebody was faster with is left out, and the rest shared out anew, a few times; the needs that get nothing then stay on the list.
    """
    lost: set[UUID] = set()
    for _ in range(ATTEMPTS):
        shares = share([pledge for pledge in pledges if pledge.id not in lost])
        gone = _gone(session, shares, read)
        if not gone:
            break
        lost |= gone
    return [one for one in shares if one.pledge not in lost]


def _gone(session: Session, shares: Sequence[Share], read: Mapping[UUID, Any]) -> set[UUID]:
    taken = Counter[UUID]()
    for one in shares:
        taken[one.pledge] += one.quantity
    rows = session.execute(_HOLD, {"ids": array(taken)}).all() if taken else []
    as_read = (row for row in rows if (row.version, row.not_for) == (read[row.id].version, read[row.id].not_for))
    return taken.keys() - {row.id for row in as_read if row.rest >= taken[row.id]}
