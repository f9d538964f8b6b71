"""Actions of duplicates: link needs that look alike, and forget the keys by which they were found."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.audit_log import id_at
from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from chassis.data.encryption import fingerprint
from needs.duplicates import queries, rules
from needs.duplicates.model import Band, Link, PhotoPrint
from needs.model import Need

FORGOTTEN_AT_ONCE = 10_000
KEPT: tuple[Any, ...] = (Band, PhotoPrint)
"""The tables of what is kept about a need, for as long as it may be compared."""
COUNTY_DIGITS = 6
# Of two needs that look alike and are posted at the same moment, the second waits for the first and finds it. Sorted, so that no two
# transactions wait for each other.
_LOCK = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS wanted (key)")


def link_need(session: Session, need: Need) -> None:
    """Link a stored need with those that look like it: same household and item, nearly the same reason, the same line of a list."""
    keys = rules.make_text_keys(need.reason, need.region[:COUNTY_DIGITS])
    lock_keys(session, keys)
    found = {
        "same_item": queries.list_same_item(session, need),
        "same_text": queries.list_same_text(session, need, keys),
        "same_line": queries.list_same_line(session, need),
    }
    _store_links(session, need.id, found)
    _store_keys(session, need.id, rules.TEXT, keys)


def relink_need(session: Session, need: Need) -> None:
    """Link a need again after its item, quantity or reason changed. Links of photos stay."""
    session.execute(delete(Link).where(or_(Link.need_id == need.id, Link.other_id == need.id), Link.likeness != "same_photo"))
    session.execute(delete(Band).where(Band.need_id == need.id, Band.source == rules.TEXT))
    link_need(session, need)


def note_photo(session: Session, need_id: UUID, sha256: bytes, look: int | None = None) -> None:
    """Link a need with those that have the same photo, by the hash of its bytes, or one that looks alike.

    `look` is a perceptual hash of 64 bits, such as a difference hash; None compares the bytes alone.
    """
    need = session.get_one(Need, need_id)
    exact = fingerprint(b"photo " + sha256)
    keys = rules.make_photo_keys(exact, look)
    lock_keys(session, keys)
    _store_links(session, need_id, {"same_photo": queries.list_same_photo(session, need, keys, exact, look)})
    _store_keys(session, need_id, rules.PHOTO, keys)
    row = {"need_id": need_id, "exact": exact, "look": None if look is None else rules.to_signed(look)}
    session.execute(insert(PhotoPrint).values(row).on_conflict_do_nothing())


def forget_needs(session: Session, *where: Any) -> None:
    """Delete the keys and prints of the needs that fulfil the conditions; links hold ids only and stay."""
    ids = select(Need.id).where(*where).scalar_subquery()
    for entity in KEPT:
        session.execute(delete(entity).where(entity.need_id.in_(ids)).execution_options(synchronize_session=False))


def forget_old(session: Session) -> None:
    """Delete the keys and prints of needs that are older than the window, ten thousand at a time."""
    oldest = id_at(_window_begins())
    for entity in KEPT:
        ids = select(entity.need_id).where(entity.need_id < oldest).order_by(entity.need_id).limit(FORGOTTEN_AT_ONCE)
        session.execute(delete(entity).where(entity.need_id.in_(ids.scalar_subquery())).execution_options(synchronize_session=False))


def lock_keys(session: Session, keys: Sequence[int]) -> None:
    """Let one transaction at a time post needs that share a key."""
    if keys:
        session.execute(_LOCK, {"keys": encode_array(sorted(set(keys)))})


def _window_begins() -> datetime:
    return now() - rules.WINDOW


def _store_links(session: Session, need_id: UUID, found: Mapping[str, Sequence[UUID]]) -> None:
    pairs = [(other, likeness) for likeness, others in found.items() for other in others]
    rows = [{"need_id": need_id, "other_id": other, "likeness": likeness, "linked_at": now()} for other, likeness in pairs]
    if rows:
        session.execute(insert(Link).values(rows).on_conflict_do_nothing())


def _store_keys(session: Session, need_id: UUID, source: int, keys: Iterable[int]) -> None:
    rows = [{"key": key, "need_id": need_id, "source": source} for key in dict.fromkeys(keys)]
    if rows:
        session.execute(insert(Band).values(rows).on_conflict_do_nothing())
