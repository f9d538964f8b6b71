"""What a clearing chose, it takes hold of: the pledges that nobody was faster with, and the next best instead of the others."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import array
from matching.allocation.solver import Share, Supply
from matching.clearing.candidates import CandidatePledge

ATTEMPTS = 3

_HOLD = text(
    "SELECT id, version, pledger_id, category, unit, scope, rest, valid_until, not_for FROM pledges"
    " WHERE id = ANY(CAST(:ids AS uuid[])) AND open AND valid_until > now() ORDER BY id FOR UPDATE SKIP LOCKED"
)


def lock_chosen(
    session: Session, share: Callable[[Sequence[Supply]], list[Share]], pledges: Mapping[UUID, CandidatePledge]
) -> tuple[list[Share], Mapping[UUID, Any]]:
    """Shares of pledges that are still as they were read, and their rows, which are locked; nobody is waited for.

    What somebody was faster with is left out, and the rest shared out anew, a few times; the needs that get nothing then stay on the list.
    """
    left = dict(pledges)
    for _ in range(ATTEMPTS):
        shares = share([*left.values()])
        taken = Counter[UUID]()
        for one in shares:
            taken[one.pledge] += one.quantity
        rows = _hold(session, taken, pledges)
        lost = taken.keys() - rows.keys()
        if not lost:
            break
        for id_ in lost:
            del left[id_]
    return [one for one in shares if one.pledge in rows], rows


def _hold(session: Session, taken: Mapping[UUID, int], read: Mapping[UUID, CandidatePledge]) -> dict[UUID, Any]:
    found = session.execute(_HOLD, {"ids": array(taken)}).all() if taken else []
    rows = {row.id: row for row in found}
    as_read = (id_ for id_, row in rows.items() if (row.version, row.not_for) == (read[id_].version, read[id_].not_for))
    return {id_: rows[id_] for id_ in as_read if rows[id_].rest >= taken[id_]}
