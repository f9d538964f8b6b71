"""Released quantities: what was set aside is free again in its need and pledge."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from matching.book import clearing_queue
from matching.book.model import Match

Side = Literal["need", "pledge"]

# Adds the released quantities to the free ones; raw SQL with arrays, since one statement serves any number of rows.
_RELEASE = {
    side: text(
        f"UPDATE {table} SET rest = rest + part.quantity"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS bigint[])) AS part (id, quantity)"
        f" WHERE {table}.id = part.id AND NOT ended"
    )
    for side, table in (("need", "needs"), ("pledge", "pledges"))
}


def release_matches(session: Session, matches: Sequence[Match]) -> None:
    """Release the whole quantity of these matches on both sides."""
    sides: dict[Side, Counter[UUID]] = {"need": Counter(), "pledge": Counter()}
    for match in matches:
        sides["need"][match.need_id] += match.quantity
        sides["pledge"][match.pledge_id] += match.quantity
    for side, released in sides.items():
        release_quantities(session, side, released)


def release_part(session: Session, match: Match, quantity: int) -> None:
    """Release a part of a match on both sides. The caller has locked its pledge and its need."""
    release_quantities(session, "need", {match.need_id: quantity})
    release_quantities(session, "pledge", {match.pledge_id: quantity})


def release_quantities(session: Session, side: Side, released: Mapping[UUID, int]) -> None:
    """Release a quantity of each need or pledge that has not ended, and put all of them on the clearing queue.

    The caller has locked the rows.
    """
    if released:
        session.execute(_RELEASE[side], {"ids": list(released), "quantities": list(released.values())})
        clearing_queue.add(session, side, released.keys())
