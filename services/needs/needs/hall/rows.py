"""Needs as the hall shows them: plain rows, with the sums of their matches and whether the public sees their township."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data import k_anonymity
from chassis.data.bulk_sql import compile_for_driver, encode_array
from chassis.data.encryption import plain_rows
from needs.model import Need
from needs.queries import describe_towns

_COLUMNS = (
    "id", "version", "account_id", "poster_id", "region", "category", "unit", "quantity", "urgency", "story", "specification", "terms",
    "charity_id", "charity", "state", "due_at", "confirmed_by", "ended_because", "posted_at", "published_at", "expires_at", "hidden",
    "ended_at", "household_id", "consent",
)  # fmt: skip
"""Columns that the answer shows to everybody, or that the rules of acts ask for. Reasons and notes are not read."""
# What has a limit of its own is never planned as a join, which would read a whole table where that is small or newly filled.
_PAGE = """
    WITH RECURSIVE page AS MATERIALIZED (
        SELECT place, need.* FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS listed (id, place), LATERAL (
            SELECT {columns} FROM needs WHERE needs.id = listed.id AND is_shown{more} LIMIT 1
        ) AS need ORDER BY place LIMIT :limit
    ), {towns}
    SELECT page.*, coalesce(accepted, 0) AS accepted, coalesce(proposed, 0) AS proposed, coalesce(delivered, 0) AS delivered,
        left(region, 9) IN (SELECT town FROM public_towns) AS is_town_shown
    FROM page LEFT JOIN LATERAL (
        SELECT accepted, proposed, delivered FROM need_quantities WHERE id = page.id LIMIT 1
    ) AS sums ON true ORDER BY place
"""
_ALL, _OF_WORDS = (
    compile_for_driver(
        _PAGE.format(columns=", ".join(_COLUMNS), more=more, towns=describe_towns("SELECT DISTINCT left(region, 9) FROM page"))
    )
    for more in ("", " AND (words @> CAST(:words AS text[]) OR category = ANY(CAST(:items AS text[])))")
)


def load_rows(session: Session, ids: Sequence[UUID], limit: int, words: Sequence[str] = (), items: Sequence[str] = ()) -> list[Any]:
    """Load the first of these needs in their order; with `words`, of those whose story has them or whose item is one of `items`.

    The query decides again who is shown: a listing is an index and nothing more.
    """
    if not ids:
        return []
    given: dict[str, Any] = {"ids": encode_array(ids), "limit": limit, "fewest": k_anonymity.FEWEST_HOUSEHOLDS}
    if words:
        given |= {"words": encode_array(words), "items": encode_array(items)}
    return plain_rows(Need, session.connection().exec_driver_sql(_OF_WORDS if words else _ALL, given).all())
