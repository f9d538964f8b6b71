"""Queries of the review: the work list of needs that wait, and the figures of reviewers."""

import base64
import binascii
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import invalid, not_allowed
from needs.model import Need
from needs.review import rules
from needs.samples.rules import list_county_regions

LEVELS = (0, 2, 4, 6, 9)
"""The lengths of codes that have an index of the work list. A village is a part of its township's range."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = struct.Struct(">Bq16s")
Key = tuple[str, datetime, UUID]
"""The place of a need in the work list: urgency, end of its time, id."""

_REVIEWERS = text(
    """
    WITH root AS (SELECT code COLLATE "C" AS code FROM unnest(CAST(:roots AS text[])) AS held (code)),
    decided AS (
        SELECT reviewer_id, count(*) FILTER (WHERE verdict IN ('verified', 'confirmed')) AS verified,
            count(*) FILTER (WHERE verdict = 'returned') AS returned, count(*) FILTER (WHERE verdict = 'rejected') AS rejected
        FROM root JOIN review_decisions ON region BETWEEN code AND code || '~'
        WHERE decided_at >= :since AND decided_at < :until GROUP BY reviewer_id
    ),
    checked AS (
        SELECT of_reviewer AS reviewer_id, count(*) AS sampled, count(checked_at) AS checked, count(*) FILTER (WHERE NOT is_right) AS wrong,
            sum(value) FILTER (WHERE checked_at IS NOT NULL) AS checked_value, sum(value) FILTER (WHERE NOT is_right) AS wrong_value
        FROM root JOIN review_samples ON region BETWEEN code AND code || '~'
        CROSS JOIN LATERAL unnest(ARRAY[reviewer_id, second_reviewer_id]) AS of_reviewer
        WHERE verified_at >= :since AND verified_at < :until AND of_reviewer IS NOT NULL GROUP BY of_reviewer
    )
    SELECT reviewer_id, coalesce(verified, 0) AS verified, coalesce(returned, 0) AS returned, coalesce(rejected, 0) AS rejected,
        coalesce(sampled, 0) AS sampled, coalesce(checked, 0) AS checked, coalesce(wrong, 0) AS wrong,
        CAST(coalesce(wrong, 0) AS double precision) / nullif(checked, 0) AS error_rate,
        CAST(coalesce(wrong_value, 0) AS double precision) / nullif(checked_value, 0) AS weighted_error_rate
    FROM decided FULL JOIN checked USING (reviewer_id)
    ORDER BY weighted_error_rate DESC NULLS LAST, wrong DESC, verified DESC, reviewer_id LIMIT :limit
    """
)


def list_waiting_needs(
    session: Session,
    caller: Caller,
    region: str = "",
    step: str | None = None,
    overdue: bool = False,
    cursor: str | None = None,
    limit: int = 20,
) -> dict[str, Any]:
    """Read a page of the needs that wait in the regions that the caller manages or audits: by urgency, then by the end of their time."""
    after = _read_cursor(cursor) if cursor else None
    roots = rules.list_roots([*caller.regions, *caller.audited_regions], region)
    states = [rules.STEPS[step]] if step else list(rules.STEPS.values())
    urgencies = rules.URGENCIES[rules.URGENCIES.index(after[0]) if after else 0 :]
    keys: list[Key] = []
    for urgency in urgencies if roots else ():
        behind = after if after and after[0] == urgency else None
        keys += _find_keys(session, roots, states, urgency, behind, overdue, limit + 1 - len(keys))
        if len(keys) > limit:
            break
    shown = keys[:limit]
    needs = {need.id: need for need in session.scalars(select(Need).where(Need.id.in_([key[2] for key in shown])))} if shown else {}
    items = [needs[need_id] for _, _, need_id in shown]
    return {"items": items, "next": _write_cursor(shown[-1]) if len(keys) > limit else None}


def list_reviewers(session: Session, caller: Caller, region: str, since: datetime, until: datetime, limit: int) -> Sequence[Any]:
    """Count what reviewers decided in the caller's counties in a period, and how often a check found it wrong; the worst come first.

    Raises `not_allowed` for a caller below the county.
    """
    held = list_county_regions(caller)
    if not held:
        raise not_allowed()
    asked = {"roots": encode_array(rules.list_roots(held, region)), "since": since, "until": until, "limit": limit}
    return session.execute(_REVIEWERS, asked).all()


def _find_keys(
    session: Session, roots: Sequence[str], states: Sequence[str], urgency: str, after: Key | None, overdue: bool, limit: int
) -> list[Key]:
    """Find the first needs of one urgency behind a place of the list, in each region and state by a range of an index."""
    given: dict[str, Any] = {"urgency": urgency, "limit": limit}
    more = ""
    if after:
        more += " AND (due_at, id) > (:after_due, CAST(:after_id AS uuid))"
        given |= {"after_due": after[1], "after_id": after[2]}
    if overdue:
        more += " AND due_at <= :at"
        given["at"] = now()
    parts = []
    for place, root in enumerate(roots):
        given[f"around_{place}"] = root[: LEVELS[-1]]
        inside = f"left(region, {min(len(root), LEVELS[-1])}) = :around_{place}"
        if village := root[LEVELS[-1] :]:
            # Not a condition on the whole region: its index would read every need that the village ever had.
            given[f"village_{place}"] = village
            inside += f" AND substr(region, {LEVELS[-1] + 1}) = :village_{place}"
        parts += [
            # The state is written out: with a parameter, PostgreSQL would not recognise the partial index.
            f"(SELECT due_at, id FROM needs WHERE {inside} AND state = '{state}' AND urgency = :urgency{more}"
            " ORDER BY due_at, id LIMIT :limit)"
            for state in states
        ]
    found = session.execute(text(f"SELECT due_at, id FROM ({' UNION ALL '.join(parts)}) AS found ORDER BY due_at, id LIMIT :limit"), given)
    return [(urgency, due_at, need_id) for due_at, need_id in found]


def _write_cursor(key: Key) -> str:
    urgency, due_at, need_id = key
    packed = _CURSOR.pack(rules.URGENCIES.index(urgency), (due_at - _EPOCH) // timedelta(microseconds=1), need_id.bytes)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _read_cursor(cursor: str) -> Key:
    """Return the place that a cursor points behind; the need there may be gone. Raises `invalid` for a malformed one."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place, microseconds, need_id = _CURSOR.unpack(packed)
        return rules.URGENCIES[place], _EPOCH + timedelta(microseconds=microseconds), UUID(bytes=need_id)
    except (ValueError, binascii.Error, struct.error, IndexError, OverflowError):
        raise invalid(errors=[{"pointer": "#query/cursor", "code": "wrong"}]) from None
