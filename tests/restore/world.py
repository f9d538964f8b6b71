"""The state of matches as listeners know it, counted from their databases without any code of the services."""

from collections.abc import Mapping
from typing import Any

import psycopg

TAKEN = """
    SELECT need_id, pledge_id, CASE WHEN state = 'closed' THEN received WHEN state = 'received' THEN received
        WHEN state = 'sent' THEN sent ELSE quantity END AS need_units,
        CASE WHEN state IN ('sent', 'received', 'closed') THEN sent ELSE quantity END AS pledge_units
    FROM matches WHERE state NOT IN ('refused', 'lapsed', 'declined')
"""
OVER = f"""
    SELECT 'need', needs.id, needs.quantity, sum(need_units) FROM ({TAKEN}) AS taken JOIN needs ON needs.id = need_id
    GROUP BY needs.id HAVING sum(need_units) > needs.quantity
    UNION ALL
    SELECT 'pledge', pledges.id, pledges.quantity, sum(pledge_units) FROM ({TAKEN}) AS taken JOIN pledges ON pledges.id = pledge_id
    GROUP BY pledges.id HAVING sum(pledge_units) > pledges.quantity
"""
WAITING = """
    SELECT count(*) FROM needs JOIN pledges
      ON needs.unit = pledges.unit AND (needs.category = pledges.category OR needs.category LIKE pledges.category || '.%')
     AND needs.region LIKE pledges.scope || '%'
    WHERE needs.rest > 0 AND NOT needs.ended AND pledges.rest > 0 AND NOT pledges.ended AND valid_until > now()
      AND NOT EXISTS (SELECT FROM matches WHERE need_id = needs.id AND pledge_id = pledges.id AND barred)
"""
HELD = {
    "matching": """
        SELECT id, state, coalesce((SELECT quantity FROM movements WHERE match_id = matches.id AND kind = 'promised'), quantity)
        FROM matches WHERE state <> 'declined'
    """,
    "needs": "SELECT id, state, quantity FROM matches WHERE state <> 'declined'",
    "insight": "SELECT id, CASE state WHEN 'need_ended' THEN 'accepted' ELSE state END, quantity FROM matches WHERE state <> 'declined'",
}
UNHEARD = {
    "needs": "SELECT id, version, answered_version FROM pledges WHERE version > 1 AND answered_version <> version",
}


def count(urls: Mapping[str, str]) -> dict[str, int]:
    """Return over-allocations, waiting pairs, matches on which services disagree, and notices about unknown matches."""
    held = {service: {str(id_): (state, units) for id_, state, units in _rows(urls[service], query)} for service, query in HELD.items()}
    known = {str(id_) for (id_,) in _rows(urls["matching"], "SELECT id FROM matches")}
    noticed = {str(id_) for (id_,) in _rows(urls["notify"], "SELECT DISTINCT about FROM notices WHERE kind LIKE 'match%'")}
    over = _rows(urls["needs"], OVER)
    print("over-allocated:", *over, sep="\n")
    twice = "SELECT count(*) - count(DISTINCT (about, recipient_id, side, kind, about_version)) FROM notices"
    return {
        "over_allocated": len(over),
        "pairs_waiting": _rows(urls["matching"], WAITING)[0][0],
        "otherwise_in_needs": len(held["needs"].items() ^ held["matching"].items()),
        "otherwise_in_insight": len(held["insight"].items() ^ held["matching"].items()),
        "unknown_told": len(noticed ^ known),
        "told_twice": _rows(urls["notify"], twice)[0][0],
        "needs_unknown": len(_ids(urls["needs"], "needs") ^ _ids(urls["matching"], "needs")),
        "pledges_unanswered": len(_rows(urls["needs"], UNHEARD["needs"])),
    }


def _ids(url: str, table: str) -> set[str]:
    return {str(id_) for (id_,) in _rows(url, f"SELECT id FROM {table}")}


def _rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()
