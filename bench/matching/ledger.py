"""A ledger of a run, read from the database and the published events alone, without the code that did the work."""

from collections import Counter
from collections.abc import Collection
from typing import Any

import msgspec
import psycopg

_OPEN = "WITH mine AS (SELECT * FROM matches WHERE {side}_id = ANY(%(ids)s) AND state = 'proposed')"
_WHOLE = (
    _OPEN + " SELECT count(*) FROM (SELECT {side}_id FROM mine JOIN {side}s ON {side}s.id = {side}_id GROUP BY {side}_id, {side}s.quantity"
    " HAVING sum(mine.quantity) = {side}s.quantity) AS whole"
)
_OVER = """
    SELECT count(*) FROM (
        SELECT 1 FROM needs JOIN matches ON need_id = needs.id WHERE needs.id = ANY(%(needs)s::uuid[])
        GROUP BY needs.id HAVING sum(matches.quantity) > needs.quantity OR sum(matches.quantity) + needs.rest <> needs.quantity
        UNION ALL
        SELECT 1 FROM pledges JOIN matches ON pledge_id = pledges.id WHERE pledges.id = ANY(%(pledges)s::uuid[])
        GROUP BY pledges.id HAVING sum(matches.quantity) > pledges.quantity OR sum(matches.quantity) + pledges.rest <> pledges.quantity
    ) AS wrong
"""


class PublishedMatch(msgspec.Struct):
    """The fields of a published match that the ledger reads."""

    match_id: str
    need_id: str
    pledge_id: str
    quantity: int


class Ledger(msgspec.Struct):
    """Result: `whole` of the `asked` needs or pledges are matched completely; all other fields count faults."""

    asked: int
    whole: int
    told: int
    told_otherwise_than_once: int
    over_allocated: int


def audit(connection: psycopg.Connection[Any], side: str, ids: Collection[Any], bodies: Collection[bytes]) -> Ledger:
    """Compare the needs or pledges (`side`) with these ids to the matches published since they came."""
    told = [msgspec.json.decode(body, type=PublishedMatch) for body in bodies]
    stored = Counter(
        (str(match), str(need), str(pledge), quantity)
        for match, need, pledge, quantity in connection.execute(
            f"SELECT id, need_id, pledge_id, quantity FROM matches WHERE {side}_id = ANY(%(ids)s)", {"ids": list(ids)}
        )
    )
    said = Counter((one.match_id, one.need_id, one.pledge_id, one.quantity) for one in told)
    touched = {"needs": list({one.need_id for one in told}), "pledges": list({one.pledge_id for one in told})}
    over = connection.execute(_OVER, touched)
    whole = connection.execute(_WHOLE.format(side=side), {"ids": list(ids)})
    return Ledger(
        asked=len(ids),
        whole=_one(whole),
        told=len(told),
        told_otherwise_than_once=sum(((said - stored) + (stored - said)).values()),
        over_allocated=_one(over),
    )


def _one(cursor: psycopg.Cursor[Any]) -> int:
    row = cursor.fetchone()
    return int(row[0]) if row else 0
