"""The public region of a household's row: its township, or its county where too few households would stand behind the township."""

from collections.abc import Collection

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array

FEWEST_HOUSEHOLDS = 5
TOWNSHIP_DIGITS, COUNTY_DIGITS = 9, 6


def township_query(table: str, condition: str) -> TextClause:
    """Return a query of the townships among `towns` with enough households in the rows of `table` that meet `condition`.

    It needs an index on `(left(region, 9), household_id)` with this condition, or a wider one. It reads the first five entries of a
    township, and goes on by one for each household that is missing: nine at most, however many rows there are.
    """
    return text(f"WITH RECURSIVE {describe_townships(table, condition)} SELECT town FROM public_towns")


def describe_townships(table: str, condition: str, asked: str = "SELECT unnest(CAST(:towns AS text[]))") -> str:
    """Return expressions for `WITH RECURSIVE`: the last, `public_towns (town)`, holds those of the towns `asked` that may be shown.

    Their parameter `fewest` is `FEWEST_HOUSEHOLDS`.
    """
    households = f"SELECT household_id FROM {table} WHERE {condition} AND left(region, {TOWNSHIP_DIGITS}) ="
    in_order = "ORDER BY household_id LIMIT"
    return f"""
        asked (town) AS ({asked}),
        found (town, household_id, place) AS (
            SELECT town, first.* FROM (SELECT town COLLATE "C" AS town FROM asked) AS each CROSS JOIN LATERAL (
                SELECT (array_agg(household_id))[:fewest], CAST(count(DISTINCT household_id) AS integer)
                FROM ({households} each.town {in_order} :fewest) AS entries
            ) AS first
            UNION ALL
            SELECT town, next.household_id, place + 1 FROM found CROSS JOIN LATERAL (
                {households} found.town AND household_id > found.household_id {in_order} 1
            ) AS next WHERE place < :fewest
        ),
        public_towns (town) AS (SELECT town FROM found WHERE place = :fewest)
    """


def find_public_townships(session: Session, query: TextClause, regions: Collection[str]) -> set[str]:
    """Find the townships of these regions that may be shown; `query` comes from `township_query`."""
    towns = {region[:TOWNSHIP_DIGITS] for region in regions if len(region) >= TOWNSHIP_DIGITS}
    if not towns:
        return set()
    return set(session.scalars(query, {"towns": encode_array(sorted(towns)), "fewest": FEWEST_HOUSEHOLDS}))


def public_region(region: str, public_townships: Collection[str]) -> str:
    """Return the township of a region if it may be shown, else its county; a wider region stays as it is."""
    town = region[:TOWNSHIP_DIGITS]
    return town if town in public_townships else region[:COUNTY_DIGITS]
