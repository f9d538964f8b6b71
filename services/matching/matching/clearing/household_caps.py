"""Shares of a clearing, cut to what each pledge gives to one household."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from matching.allocation.solver import Share
from matching.book.household_limits import load_given


def cap_by_household(session: Session, shares: list[Share], needs: Mapping[UUID, Any], pledges: Mapping[UUID, Any]) -> list[Share]:
    """Cut the shares of pledges with a limit. `needs` and `pledges` are locked rows; what is cut stays open on both sides."""
    limited = {share.pledge for share in shares if pledges[share.pledge].household_limit is not None}
    if not limited:
        return shares
    given = load_given(session, {(share.pledge, needs[share.need].household_id) for share in shares if share.pledge in limited})
    return cut_shares(
        shares, {id_: pledges[id_].household_limit for id_ in limited}, {id_: row.household_id for id_, row in needs.items()}, given
    )


def cut_shares(
    shares: Sequence[Share], limits: Mapping[UUID, int], households: Mapping[UUID, UUID], given: Mapping[tuple[UUID, UUID], int]
) -> list[Share]:
    """Cut each share to what its household may still get of the pledge, one after the other; leave out those of nothing."""
    had, kept = dict(given), []
    for share in shares:
        limit = limits.get(share.pledge)
        if limit is None:
            kept.append(share)
            continue
        pair = (share.pledge, households[share.need])
        quantity = min(share.quantity, limit - had.get(pair, 0))
        if quantity > 0:
            had[pair] = had.get(pair, 0) + quantity
            kept.append(replace(share, quantity=quantity))
    return kept
