"""Queries of duplicates: the needs that may be alike, and the links of needs as their caller may see them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.audit_log import id_at
from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from chassis.http.auth import Caller
from needs.duplicates import rules
from needs.duplicates.model import PhotoPrint
from needs.model import Need
from needs.rules import view_of

MOST_LINKS = 20
"""The most links of one kind that a need gets, and the most links that are shown of it."""
_EACH_BAND = 20

# The newest needs of each key: however many share a key, few are read.
_SHARING = text(
    f"""
    SELECT DISTINCT found.need_id FROM unnest(CAST(:keys AS bigint[])) AS wanted (key)
    CROSS JOIN LATERAL (
        SELECT need_id FROM need_bands WHERE need_bands.key = wanted.key AND need_id > :since AND need_id <> :need
        ORDER BY need_id DESC LIMIT {_EACH_BAND}
    ) AS found ORDER BY found.need_id DESC LIMIT :most
    """
)
_LINKS = text(
    f"""
    SELECT asked.id AS need_id, found.other_id, found.likeness FROM unnest(CAST(:needs AS uuid[])) AS asked (id)
    CROSS JOIN LATERAL (
        (SELECT other_id, likeness FROM need_links WHERE need_id = asked.id ORDER BY other_id DESC LIMIT {MOST_LINKS})
        UNION
        (SELECT need_id, likeness FROM need_links WHERE other_id = asked.id ORDER BY need_id DESC LIMIT {MOST_LINKS})
    ) AS found
    """
)


def list_same_item(session: Session, need: Need) -> Sequence[UUID]:
    """List other needs of the household for the same item within the window, the newest first."""
    same = select(Need.id).where(
        Need.household_id == need.household_id,
        Need.posted_at > need.posted_at - rules.WINDOW,
        Need.category == need.category,
        Need.id != need.id,
        Need.state != "withdrawn",
    )
    return session.scalars(same.order_by(Need.id.desc()).limit(MOST_LINKS)).all()


def list_same_line(session: Session, need: Need) -> Sequence[UUID]:
    """List needs of other institutions for the same quantity of the item that the same person entered on the same day."""
    if not need.of_institution:
        return []
    same = select(Need.id).where(
        Need.poster_id == need.poster_id,
        Need.posted_at > need.posted_at - rules.LIST_WINDOW,
        Need.of_institution,
        Need.household_id != need.household_id,
        Need.category == need.category,
        Need.quantity == need.quantity,
        Need.state != "withdrawn",
    )
    return session.scalars(same.order_by(Need.id.desc()).limit(MOST_LINKS)).all()


def list_same_text(session: Session, need: Need, keys: Sequence[int]) -> list[UUID]:
    """List needs of the county whose reasons are alike; each reason is read and compared."""
    sharing = _sharing(session, need, keys)
    found = session.scalars(select(Need).where(Need.id.in_(sharing))).all() if sharing else ()
    alike = [one.id for one in found if one.state != "withdrawn" and rules.are_alike(one.reason, need.reason)]
    return sorted(alike, reverse=True)[:MOST_LINKS]


def list_same_photo(session: Session, need: Need, keys: Sequence[int], exact: bytes, look: int | None) -> list[UUID]:
    """List needs with the same photo, or one that looks like it."""
    prints = session.scalars(select(PhotoPrint).where(PhotoPrint.need_id.in_(_sharing(session, need, keys)))).all()
    alike = {one.need_id for one in prints if one.exact == exact or rules.look_alike(_unsigned(one.look), look)}
    return sorted(alike, reverse=True)[:MOST_LINKS]


def load_duplicates(session: Session, caller: Caller | None, needs: Collection[Need]) -> dict[UUID, list[dict[str, Any]]]:
    """Load what is linked to each of these needs. Of a need that the caller may not read, the likeness alone is told."""
    if not needs or caller is None:
        return {}
    links = session.execute(_LINKS, {"needs": encode_array([need.id for need in needs])}).all()
    others = {one.id: one for one in session.scalars(select(Need).where(Need.id.in_({link.other_id for link in links})))} if links else {}
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for link in sorted(links, key=lambda link: (link.other_id, link.likeness), reverse=True):
        other = others.get(link.other_id)
        is_shown = other is not None and view_of(caller, other) != "public"
        found[link.need_id].append(
            {
                "likeness": link.likeness,
                "need_id": other.id if other and is_shown else None,
                "state": other.state if other and is_shown else None,
                "posted_at": other.posted_at if other and is_shown else None,
            }
        )
    return {need_id: shown[:MOST_LINKS] for need_id, shown in found.items()}


def _sharing(session: Session, need: Need, keys: Sequence[int]) -> list[UUID]:
    """Find the newest needs within the window that share a key."""
    if not keys:
        return []
    asked = {"keys": encode_array(keys), "since": id_at(now() - rules.WINDOW), "need": need.id, "most": 3 * _EACH_BAND}
    return list(session.scalars(_SHARING, asked))


def _unsigned(look: int | None) -> int | None:
    return None if look is None else look % 2**64
