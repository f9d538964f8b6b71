"""Queries of the hall. Each reads ranges of the listing in order, or the index of words; none reads more rows than it may."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from chassis.data.audit_log import id_at
from chassis.data.bulk_sql import compile_for_driver, encode_array
from chassis.data.database import keep_settings
from chassis.data.k_anonymity import TOWNSHIP_DIGITS, find_public_townships, public_region
from needs.hall import question as questions
from needs.hall.cursor import read_cursor, write_cursor
from needs.hall.model import NeedCount
from needs.hall.question import URGENCIES, Question, Range, Stage
from needs.hall.rows import load_rows
from needs.queries import TOWNSHIPS

MOST_FOUND = 1_000
"""The most needs that a search by words reads at once; where there are more, the hall is walked in order instead."""
WALKED = 2_000
"""The most needs that such a walk looks at for a page. A page may then hold fewer needs, and goes on by its cursor."""
_STEP = 100
Place = tuple[int, UUID | None]
"""A stage and the need behind which to go on; None before the first one."""

_BRANCH = (
    "(SELECT id FROM need_listings WHERE region = :region{n} AND category = :category{n}{more}{bounds} ORDER BY id {way} LIMIT :limit)"
)
# Many ranges are read as far as a page of each: to plan a merge of them would take longer.
_MANY = """
    SELECT listed.id FROM unnest(CAST(:regions AS text[]), CAST(:categories AS text[]), CAST(:urgencies AS text[]), CAST(:states AS text[]))
        AS key (region, category, urgency, is_open),
    LATERAL (
        SELECT id FROM need_listings WHERE region = key.region COLLATE "C" AND category = key.category COLLATE "C"{more}{bounds}
        ORDER BY id {way} LIMIT :limit
    ) AS listed ORDER BY listed.id {way} LIMIT :limit
"""
_OF_KEY = " AND need_listings.is_open = CAST(key.is_open AS boolean) AND need_listings.urgency = CAST(key.urgency AS smallint)"
MOST_MERGED = 250
_FOUND = """
    SELECT id, region, category, urgency, is_open FROM needs
    WHERE is_shown AND hall_keys(words, region, category, urgency) @> CAST(:keys AS text[]){more} LIMIT :limit
"""
_PLANS = ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan")
# The index of words is read by bitmaps alone; the planner would rather read the whole table, because it expects few rows to be enough.
_GIN_ONLY, _EVERY_PLAN = (
    text("SELECT set_config('enable_bitmapscan', 'on', true), " + ", ".join(f"set_config('{name}', '{state}', true)" for name in _PLANS))
    for state in ("off", "on")
)


def is_township_shown(session: Session, region: str) -> bool:
    """Tell whether the public sees the needs of this region: a township only if enough households stand behind it."""
    return len(region) < TOWNSHIP_DIGITS or bool(find_public_townships(session, TOWNSHIPS, [region]))


def list_hall(session: Session, asked: Question, cursor: str | None = None, limit: int = 20) -> dict[str, Any]:
    """Read a page of the hall in the asked order. A township that is not shown holds none: its needs are in its county alone."""
    start: Place = read_cursor(cursor) if cursor else (0, None)
    if not asked.categories or not is_township_shown(session, asked.region):
        return {"items": [], "next": None}
    if not asked.words:
        return _page(session, _read_places(session, asked, start, limit + 1), limit)
    return _search_page(session, asked, start, limit)


def _search_page(session: Session, asked: Question, start: Place, limit: int) -> dict[str, Any]:
    """Read a page of the needs with some words: by a short walk where they are common, else by the index of words."""
    walked = _walk(session, asked, start, limit, _STEP)
    if walked is None:
        found = search(session, asked)
        if len(found) > MOST_FOUND:
            return _walk(session, asked, start, limit, WALKED) or {"items": [], "next": None}
        of_items = _read_places(session, replace(asked, categories=asked.items), start, limit + 1) if asked.items else []
        places = sorted({*of_items, *_places_of(session, asked, found)}, key=partial(_sort_key, asked))
        return _page(session, [one for one in places if _is_behind(asked, one, start)], limit)
    return walked


def search(session: Session, asked: Question) -> Sequence[Row[Any]]:
    """Find the needs whose story has these words; one more than `MOST_FOUND` where there are more."""
    keys, more = questions.search_keys(asked), ""
    given: dict[str, Any] = {"keys": encode_array(keys), "limit": MOST_FOUND + 1}
    if len(asked.categories) > 1:
        more += " AND hall_keys(words, region, category, urgency) && CAST(:categories AS text[])"
        given["categories"] = encode_array(f"#{category}" for category in asked.categories)
    if asked.urgencies:
        more += " AND hall_keys(words, region, category, urgency) && CAST(:urgencies AS text[])"
        given["urgencies"] = encode_array(f"!{word}" for word, figure in URGENCIES.items() if figure in asked.urgencies)
    keep_settings(session.connection())
    session.execute(_GIN_ONLY)
    rows = session.execute(text(_FOUND.format(more=more)), given).all()
    session.execute(_EVERY_PLAN)
    if len(rows) > MOST_FOUND:
        return rows
    low, high = _bounds(asked)
    return [
        row for row in rows if (low is None or row.id >= low) and (high is None or row.id < high) and (row.is_open or not asked.only_open)
    ]


def _places_of(session: Session, asked: Question, found: Sequence[Row[Any]]) -> list[tuple[int, UUID]]:
    towns = find_public_townships(session, TOWNSHIPS, {row.region for row in found}) if asked.sort == "nearest" else set()
    return [(questions.place_in_order(URGENCIES[row.urgency], row.region, asked, towns), row.id) for row in found]


def _sort_key(asked: Question, place: tuple[int, UUID]) -> tuple[int, int]:
    return place[0], place[1].int if asked.is_ascending else -place[1].int


def _is_behind(asked: Question, place: tuple[int, UUID], start: Place) -> bool:
    return start[1] is None or _sort_key(asked, place) > _sort_key(asked, (start[0], start[1]))


def _walk(session: Session, asked: Question, start: Place, limit: int, most: int) -> dict[str, Any] | None:
    """Look at `most` needs in their order, and return the page of those with the words; None if a short walk fills no page."""
    places = _read_places(session, asked, start, most)
    found = load_rows(session, [one for _, one in places], limit + 1, asked.words, asked.items)
    if len(found) > limit:
        stages = {one: number for number, one in places}
        last = found[limit - 1].id
        return {"items": found[:limit], "next": write_cursor(stages[last], last)}
    if len(places) < most:
        return {"items": found, "next": None}
    return {"items": found, "next": write_cursor(*places[-1])} if most >= WALKED else None


def _page(session: Session, places: Sequence[tuple[int, UUID]], limit: int) -> dict[str, Any]:
    """Load a page of these places, of which one more than the limit tells that the list goes on."""
    shown = places[:limit]
    rows = load_rows(session, [one for _, one in shown], limit)
    return {"items": rows, "next": write_cursor(*shown[-1]) if len(places) > limit else None}


def _read_places(session: Session, asked: Question, start: Place, wanted: int) -> list[tuple[int, UUID]]:
    """Read the next places of a question, by stage and id, whatever its words."""
    stages, (number, last) = questions.list_stages(asked), start
    found: list[tuple[int, UUID]] = []
    while number < len(stages) and len(found) < wanted:
        found += [(number, one) for one in _read_stage(session, asked, stages[number], last, wanted - len(found))]
        number, last = number + 1, None
    return found


def _read_stage(session: Session, asked: Question, stage: Stage, last: UUID | None, limit: int) -> Sequence[UUID]:
    """Read the next needs of a stage. Each range is read in its order as far as the merged order needs it."""
    ranges = questions.list_ranges(asked, stage, _regions_of(session, stage))
    low, high = _bounds(asked)
    bounds = "".join(
        bound
        for bound, is_set in (
            (" AND id > :last" if asked.is_ascending else " AND id < :last", last is not None),
            (" AND id >= :low", low is not None),
            (" AND id < :high", high is not None),
        )
        if is_set
    )
    given: dict[str, Any] = {"limit": limit}
    given |= {name: value for name, value in (("last", last), ("low", low), ("high", high)) if value is not None}
    way = "" if asked.is_ascending else "DESC"
    if not ranges:
        return []
    if len(ranges) > MOST_MERGED:
        more = "" if ranges[0].urgency is None else _OF_KEY
        return session.scalars(text(_MANY.format(more=more, bounds=bounds, way=way)), given | _arrays_of(ranges)).all()
    for n, one in enumerate(ranges):
        given |= {f"region{n}": one.region, f"category{n}": one.category}
    merged = _merge(tuple(_more(one) for one in ranges), bounds, way)
    return session.connection().exec_driver_sql(merged, given).scalars().all()


@lru_cache(maxsize=256)
def _merge(conditions: tuple[str, ...], bounds: str, way: str) -> str:
    """Return the query that merges ranges with these further conditions, compiled for the driver."""
    branches = [_BRANCH.format(n=n, more=more, bounds=bounds, way=way) for n, more in enumerate(conditions)]
    return compile_for_driver(f"SELECT id FROM ({' UNION ALL '.join(branches)}) AS merged ORDER BY id {way} LIMIT :limit")


def _arrays_of(ranges: Sequence[Range]) -> dict[str, str]:
    return {
        "regions": encode_array(one.region for one in ranges),
        "categories": encode_array(one.category for one in ranges),
        "urgencies": encode_array(str(one.urgency) for one in ranges),
        "states": encode_array(str(one.is_open).lower() for one in ranges),
    }


def _more(one: Range) -> str:
    if one.urgency is None:
        return ""
    return f" AND is_open = {'true' if one.is_open else 'false'} AND urgency = {int(one.urgency)}"


def _regions_of(session: Session, stage: Stage) -> Sequence[str]:
    """List the regions of a stage: the region itself, or its parts without the nearer one that has been read."""
    [place] = stage.regions
    if not stage.without:
        return [place]
    parts = select(NeedCount.region).distinct().where(NeedCount.above == place, NeedCount.category == "", NeedCount.region != stage.without)
    return session.scalars(parts.order_by(NeedCount.region)).all()


def _bounds(asked: Question) -> tuple[UUID | None, UUID | None]:
    """Return the ids between which needs of the asked age lie: ids grow with the time of their posting."""
    return (id_at(asked.since) if asked.since else None), (id_at(asked.until) if asked.until else None)


_COUNTS = text(
    """
    SELECT region, category, urgency, open, covered FROM need_counts
    WHERE region = :region AND category = ANY(CAST(:categories AS text[])) AND urgency = ANY(CAST(:urgencies AS smallint[]))
    """
)
_COUNTS_BELOW = text(
    """
    SELECT region, urgency, open, covered FROM need_counts
    WHERE above = :region AND category = ANY(CAST(:categories AS text[])) AND urgency = ANY(CAST(:urgencies AS smallint[]))
    """
)


def count_hall(session: Session, asked: Question, facets: Sequence[str]) -> dict[str, Any]:
    """Count the needs of a question: in all, by urgency, by each of the categories `facets`, and by the regions below.

    Counts follow within seconds. With words, those of fitting items count, and those whose story was found; where too many were found,
    `is_exact` is False and they are left out.
    """
    tally = Tally()
    if not asked.categories or not is_township_shown(session, asked.region):
        return tally.as_answer()
    _add_kept(session, asked, facets, tally)
    if asked.words:
        _add_found(session, asked, facets, tally)
    return tally.as_answer()


@dataclass
class Tally:
    """Counts of needs by category, urgency and region below."""

    categories: Counter[str] = field(default_factory=Counter)
    urgencies: Counter[int] = field(default_factory=Counter)
    regions: Counter[str] = field(default_factory=Counter)
    is_exact: bool = True

    def as_answer(self) -> dict[str, Any]:
        """Return the counts in the form of the answer."""
        names = {figure: word for word, figure in URGENCIES.items()}
        return {
            "total": self.urgencies.total(),
            "is_exact": self.is_exact,
            "categories": [{"category": name, "needs": number} for name, number in sorted(self.categories.items()) if number > 0],
            "urgencies": [{"urgency": names[name], "needs": number} for name, number in sorted(self.urgencies.items()) if number > 0],
            "regions": [{"region": name, "needs": number} for name, number in sorted(self.regions.items()) if number > 0],
        }


def _add_kept(session: Session, asked: Question, facets: Sequence[str], tally: Tally) -> None:
    """Add the kept counts: of the asked categories, or of the items that fit the words."""
    wanted = asked.items if asked.words else asked.categories
    # With words, each item counts for the facet that it lies in; without, a facet has a count of its own.
    names = {*wanted} if asked.words else {*wanted, *facets}
    given = {"region": asked.region, "urgencies": encode_array([*(asked.urgencies or URGENCIES.values())])}
    for row in session.execute(_COUNTS, given | {"categories": encode_array(sorted(names))}):
        number = row.open + (0 if asked.only_open else row.covered)
        for facet in (row.category,) if not asked.words else _facets_of(row.category, facets):
            if facet in facets:
                tally.categories[facet] += number
        if row.category in wanted:
            tally.urgencies[row.urgency] += number
    below = Counter[str]()
    for row in session.execute(_COUNTS_BELOW, given | {"categories": encode_array(wanted)}):
        below[row.region] += row.open + (0 if asked.only_open else row.covered)
    tally.regions.update(_only_public(session, below))


def _add_found(session: Session, asked: Question, facets: Sequence[str], tally: Tally) -> None:
    """Add the needs that were found by their story, but those whose item fits, which are counted already."""
    found = search(session, asked)
    if len(found) > MOST_FOUND:
        tally.is_exact = False
        return
    others = [row for row in found if row.category not in asked.items]
    towns = find_public_townships(session, TOWNSHIPS, {row.region for row in others})
    length = next((length for length in (2, 4, 6, 9) if length > len(asked.region)), None)
    for row in others:
        tally.urgencies[URGENCIES[row.urgency]] += 1
        tally.categories.update(_facets_of(row.category, facets))
        shown = public_region(row.region, towns)
        if length is not None and len(shown) >= length:
            tally.regions[shown[:length]] += 1


def _facets_of(category: str, facets: Sequence[str]) -> list[str]:
    return [facet for facet in facets if f"{category}.".startswith(f"{facet}.")]


def _only_public(session: Session, below: Counter[str]) -> Counter[str]:
    """Leave out townships that are not shown; their needs count in the county alone."""
    towns = {region for region in below if len(region) == TOWNSHIP_DIGITS}
    shown = find_public_townships(session, TOWNSHIPS, towns) if towns else set()
    return Counter({region: number for region, number in below.items() if region not in towns or region in shown})
