"""Queries of the hall. Each reads ranges of the listing in order, or the index of words; none reads more rows than it may."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from chassis.data import k_anonymity
from chassis.data.audit_log import id_at
from chassis.data.bulk_sql import compile_for_driver, encode_array
from chassis.data.database import keep_settings
from chassis.data.k_anonymity import COUNTY_DIGITS, TOWNSHIP_DIGITS, find_public_townships, public_region
from needs.hall import question as questions
from needs.hall.cursor import read_cursor, write_cursor
from needs.hall.model import NeedCount
from needs.hall.question import URGENCIES, Question, Range, Stage
from needs.hall.rows import EMPTY, HallPage, Place, load_page, read_page
from needs.queries import TOWNSHIPS, describe_towns

MOST_FOUND = 1_000
"""The most needs that a search by words reads at once; where there are more, the hall is walked in order instead."""
WALKED = 2_000
"""The most needs that such a walk looks at for a page. A page may then hold fewer needs, and goes on by its cursor."""
_STEP = 100
Start = tuple[int, UUID | None]
"""A stage and the need behind which to go on; None before the first one."""
Listed = tuple[HallPage, str | None]
"""A page of the hall and the cursor of the next one."""

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
_GIN_ONLY = "; ".join(["SET LOCAL enable_bitmapscan = on", *(f"SET LOCAL {name} = off" for name in _PLANS)])
_EVERY_PLAN = "; ".join(f"SET LOCAL {name} = on" for name in ("enable_bitmapscan", *_PLANS))


def is_township_shown(session: Session, region: str) -> bool:
    """Tell whether the public sees the needs of this region: a township only if enough households stand behind it."""
    return len(region) < TOWNSHIP_DIGITS or bool(find_public_townships(session, TOWNSHIPS, [region]))


def list_hall(session: Session, asked: Question, cursor: str | None = None, limit: int = 20, *, with_sides: bool = False) -> Listed:
    """Read a page of the hall in the asked order. A township that is not shown holds none: its needs are in its county alone."""
    start: Start = read_cursor(cursor) if cursor else (0, None)
    if not asked.categories:
        return EMPTY, None
    if asked.words:
        return _search_page(session, asked, start, limit, with_sides=with_sides)
    page = _read_at_once(session, asked, start, limit + 1, limit, with_sides=with_sides)
    if page is not None:
        return page, write_cursor(page.stages[-1], page.items[-1].id) if page.listed > limit else None
    return _load_places(session, asked, _read_places(session, asked, start, limit + 1), limit, with_sides=with_sides)


def _load_places(session: Session, asked: Question, places: Sequence[Place], limit: int, *, with_sides: bool) -> Listed:
    """Load a page of these places, of which one more than the limit tells that the list goes on."""
    page = load_page(session, places[:limit], limit, is_ascending=asked.is_ascending, with_sides=with_sides)
    return page, write_cursor(*places[limit - 1]) if len(places) > limit else None


def _search_page(session: Session, asked: Question, start: Start, limit: int, *, with_sides: bool) -> Listed:
    """Read a page of the needs with some words: by a short walk where they are common, else by the index of words."""
    walked = _walk(session, asked, start, limit, _STEP, with_sides=with_sides)
    if walked is not None:
        return walked
    if not is_township_shown(session, asked.region):
        return EMPTY, None
    found = search(session, asked, is_last=True)
    if len(found) > MOST_FOUND:
        return _walk(session, asked, start, limit, WALKED, with_sides=with_sides) or (EMPTY, None)
    of_items = _read_places(session, replace(asked, categories=asked.items), start, limit + 1) if asked.items else []
    places = sorted({*of_items, *_places_of(session, asked, found)}, key=partial(_sort_key, asked))
    return _load_places(session, asked, [one for one in places if _is_behind(asked, one, start)], limit, with_sides=with_sides)


def search(session: Session, asked: Question, *, is_last: bool = False) -> Sequence[Row[Any]]:
    """Find the needs whose story has these words; one more than `MOST_FOUND` where there are more.

    `is_last` saves a guest's statement that gives the planner its ways back: where nothing is found, nothing more is read.
    """
    keys, more = questions.search_keys(asked), ""
    given: dict[str, Any] = {"keys": encode_array(keys), "limit": MOST_FOUND + 1}
    if len(asked.categories) > 1:
        more += " AND hall_keys(words, region, category, urgency) && CAST(:categories AS text[])"
        given["categories"] = encode_array(f"#{category}" for category in asked.categories)
    if asked.urgencies:
        more += " AND hall_keys(words, region, category, urgency) && CAST(:urgencies AS text[])"
        given["urgencies"] = encode_array(f"!{word}" for word, figure in URGENCIES.items() if figure in asked.urgencies)
    is_guest = keep_settings(session.connection(), _GIN_ONLY)
    rows = session.execute(text(_FOUND.format(more=more)), given).all()
    if rows or asked.items or not (is_last and is_guest):
        keep_settings(session.connection(), _EVERY_PLAN)
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


def _is_behind(asked: Question, place: Place, start: Start) -> bool:
    return start[1] is None or _sort_key(asked, place) > _sort_key(asked, (start[0], start[1]))


def _walk(session: Session, asked: Question, start: Start, limit: int, most: int, *, with_sides: bool) -> Listed | None:
    """Look at `most` needs in their order, and return the page of those with the words; None if a short walk fills no page."""
    page = _read_at_once(session, asked, start, most, limit + 1, with_sides=with_sides)
    if page is None:
        places = _read_places(session, asked, start, most)
        page = load_page(
            session, places, limit + 1, is_ascending=asked.is_ascending, with_sides=with_sides, words=asked.words, items=asked.items
        )
        page.listed, page.last = len(places), places[-1] if places else None
    if len(page.items) > limit:
        return page.cut(limit), write_cursor(page.stages[limit - 1], page.items[limit - 1].id)
    if page.listed < most or not page.last:
        return page, None
    return (page, write_cursor(*page.last)) if most >= WALKED else None


def _read_at_once(session: Session, asked: Question, start: Start, most: int, limit: int, *, with_sides: bool) -> HallPage | None:
    """Read the next `most` places of a question and the first needs of them by one statement, of those with its words if it has any.

    Returns None where the ranges cannot be known before, or are many: then `_read_places` reads one stage after the other.
    """
    stages, (number, last) = questions.list_stages(asked), start
    if number >= len(stages):
        return EMPTY
    is_near = asked.sort == "nearest" and len(stages) > 1
    ahead = stages[number : number + 1] if is_near else stages[number:]
    if any(stage.without for stage in ahead):
        return None
    ranges = [questions.list_ranges(asked, stage, stage.regions) for stage in ahead]
    if sum(map(len, ranges)) > MOST_MERGED:
        return None
    [place] = ahead[0].regions
    town = place if len(place) == TOWNSHIP_DIGITS else ""
    given = _given(asked, last) | {
        f"{name}{n}": code
        for n, one in enumerate(one for listed in ranges for one in listed)
        for name, code in (("region", one.region), ("category", one.category))
    }
    shapes = tuple(tuple(_more(one) for one in listed) for listed in ranges)
    listed = _list_stages(number, shapes, _bounds_of(asked, last), _bounds_of(asked, None), asked.is_ascending, most, bool(town))
    page = read_page(
        session,
        listed,
        given,
        limit,
        is_ascending=asked.is_ascending,
        with_sides=with_sides,
        words=asked.words,
        items=asked.items,
        town=town,
    )
    return None if is_near and page.listed < most else page


@lru_cache(maxsize=256)
def _list_stages(
    first: int, shapes: tuple[tuple[str, ...], ...], bounds: str, later_bounds: str, is_ascending: bool, most: int, is_in_town: bool
) -> str:
    """Return the SQL of `listed (stage, id)`: the ranges of each stage merged, each stage as far as the stages before leave room.

    `shapes` holds the further condition of each range of each stage. In a town, nothing is listed unless the public sees the town.
    """
    way = "" if is_ascending else "DESC"
    parts, n = [], 0
    for place, shape in enumerate(shapes):
        bound = bounds if place == 0 else later_bounds
        branches = [
            _BRANCH.format(n=n + at, more=more, bounds=bound, way=way).replace(":limit", str(int(most))) for at, more in enumerate(shape)
        ]
        n += len(shape)
        before = "".join(f" - (SELECT count(*) FROM stage_{one})" for one in range(place))
        room = f"greatest(0, {most}{before})" if place else str(int(most))
        gate = "WHERE EXISTS (SELECT FROM public_towns)" if is_in_town else ""
        merged = f"({' UNION ALL '.join(branches)}) AS merged"
        parts.append(f"stage_{place} AS MATERIALIZED (SELECT id FROM {merged} {gate} ORDER BY id {way} LIMIT {room})")
    union = " UNION ALL ".join(f"SELECT {first + place}, id FROM stage_{place}" for place in range(len(shapes)))
    return f"{', '.join(parts)}, listed (stage, id) AS MATERIALIZED ({union})"


def _read_places(session: Session, asked: Question, start: Start, wanted: int) -> list[Place]:
    """Read the next places of a question, by stage and id, whatever its words."""
    stages, (number, last) = questions.list_stages(asked), start
    found: list[Place] = []
    while number < len(stages) and len(found) < wanted:
        found += [(number, one) for one in _read_stage(session, asked, stages[number], last, wanted - len(found))]
        number, last = number + 1, None
    return found


def _read_stage(session: Session, asked: Question, stage: Stage, last: UUID | None, limit: int) -> Sequence[UUID]:
    """Read the next needs of a stage. Each range is read in its order as far as the merged order needs it."""
    ranges = questions.list_ranges(asked, stage, _regions_of(session, asked, stage))
    if not ranges:
        return []
    bounds, given = _bounds_of(asked, last), _given(asked, last) | {"limit": limit}
    way = "" if asked.is_ascending else "DESC"
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


def _regions_of(session: Session, asked: Question, stage: Stage) -> Sequence[str]:
    """List the regions of a stage: the region itself, or its parts without the nearer one that has been read.

    A township that is not shown has no needs of its own: they stand among those of its county.
    """
    [place] = stage.regions
    if not stage.without:
        return [place] if is_township_shown(session, place) else []
    if not is_township_shown(session, stage.without):
        return [place]
    parts = select(NeedCount.region).distinct().where(NeedCount.above == place, NeedCount.category == "", NeedCount.region != stage.without)
    return session.scalars(parts.order_by(NeedCount.region)).all()


def _bounds_of(asked: Question, last: UUID | None) -> str:
    """Return the conditions on the ids of a range that goes on behind `last`."""
    low, high = _bounds(asked)
    bounds = {"id > :last" if asked.is_ascending else "id < :last": last, "id >= :low": low, "id < :high": high}
    return "".join(f" AND {bound}" for bound, value in bounds.items() if value is not None)


def _given(asked: Question, last: UUID | None) -> dict[str, Any]:
    """Return the parameters of these conditions."""
    low, high = _bounds(asked)
    return {name: value for name, value in (("last", last), ("low", low), ("high", high)) if value is not None}


def _bounds(asked: Question) -> tuple[UUID | None, UUID | None]:
    """Return the ids between which needs of the asked age lie: ids grow with the time of their posting."""
    return (id_at(asked.since) if asked.since else None), (id_at(asked.until) if asked.until else None)


_COUNTED = "category = ANY(CAST(:{categories} AS text[])) AND urgency = ANY(CAST(:urgencies AS smallint[])) AND {number} <> 0"
# The parts of a county are townships, each of which is shown or not; the town of a question itself, too.
_COUNTS = """
    WITH RECURSIVE {towns}, kept AS (
        SELECT category, urgency, {number} AS needs FROM need_counts WHERE region = :region AND {kept}{gate}
    ), below AS (
        SELECT region, CAST(sum({number}) AS bigint) AS needs FROM need_counts WHERE above = :region AND {below}{gate} GROUP BY region
    )
    SELECT CAST(json_build_object(
        'kept', (SELECT coalesce(json_agg(json_build_array(category, urgency, needs)), '[]') FROM kept),
        'below', (SELECT coalesce(json_agg(json_build_array(region, needs)), '[]') FROM below{shown})
    ) AS text)
"""


@lru_cache(maxsize=8)
def _compile_counts(*, only_open: bool, are_towns: bool, is_town: bool, fewest: int) -> str:
    """Return the statement, compiled for the driver."""
    number = "open" if only_open else "(open + covered)"
    asked = "SELECT CAST(:region AS text)" if is_town else "SELECT region FROM below" if are_towns else "SELECT '' WHERE false"
    statement = _COUNTS.format(
        number=number,
        towns=describe_towns(asked),
        kept=_COUNTED.format(categories="names", number=number),
        below=_COUNTED.format(categories="wanted", number=number),
        gate=" AND EXISTS (SELECT FROM public_towns)" if is_town else "",
        shown=" WHERE region IN (SELECT town FROM public_towns)" if are_towns else "",
    )
    return compile_for_driver(" ".join(statement.replace(":fewest", str(int(fewest))).split()))


class _Kept(msgspec.Struct):
    """Kept counts: needs of a category and urgency, and needs of a region below."""

    kept: list[tuple[str, int, int]]
    below: list[tuple[str, int]]


_KEPT = msgspec.json.Decoder(_Kept)


def count_hall(session: Session, asked: Question, facets: Sequence[str]) -> dict[str, Any]:
    """Count the needs of a question: in all, by urgency, by each of the categories `facets`, and by the regions below.

    Counts follow within seconds. With words, those of fitting items count, and those whose story was found; where too many were found,
    `is_exact` is False and they are left out.
    """
    tally = Tally()
    if asked.categories:
        _add_kept(session, asked, facets, tally)
    if asked.categories and asked.words and is_township_shown(session, asked.region):
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
    given = {
        "region": asked.region,
        "names": encode_array(sorted(names)),
        "wanted": encode_array(wanted),
        "urgencies": encode_array([*(asked.urgencies or URGENCIES.values())]),
    }
    are_towns, is_town = len(asked.region) == COUNTY_DIGITS, len(asked.region) == TOWNSHIP_DIGITS
    statement = _compile_counts(only_open=asked.only_open, are_towns=are_towns, is_town=is_town, fewest=k_anonymity.FEWEST_HOUSEHOLDS)
    found = _KEPT.decode(session.connection().exec_driver_sql(statement, given).scalar_one())
    for category, urgency, number in found.kept:
        for facet in (category,) if not asked.words else _facets_of(category, facets):
            if facet in facets:
                tally.categories[facet] += number
        if category in wanted:
            tally.urgencies[urgency] += number
    tally.regions.update(dict(found.below))


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
