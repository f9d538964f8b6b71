"""A page of the hall by one statement: it reads ranges of the listing, masks the needs, and returns them as JSON."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.orm import Session

from chassis.data import k_anonymity
from chassis.data.bulk_sql import compile_for_driver, encode_array
from chassis.data.encryption import open_values
from needs.model import Need
from needs.queries import describe_towns

Place = tuple[int, UUID]
"""A stage of the hall and a need in it."""


class HallNeed(Struct, kw_only=True):
    """A need as the hall shows it to everybody, with the fields of `NeedOut`. What the public does not see can hold nothing but None.

    Times are texts, because the database writes them as the answer has them. Story and specification come encrypted.
    """

    id: UUID
    version: int
    shown: str
    state: str
    region: str
    category: str
    unit: str
    quantity: int
    quantity_unknown: bool
    accepted: int
    delivered: int
    proposed: int
    urgency: str
    posted_at: str
    published_at: str | None
    expires_at: str | None
    ended_because: str | None
    specification: Any
    charity: str | None
    charity_id: UUID | None
    household_id: None = None
    poster_id: None = None
    consent: None = None
    reason: None = None
    story: str | None
    due_at: None = None
    overdue: bool = False
    value: int | None
    household_size: None = None
    usual_quantity: None = None
    confirmed_by: None = None
    returned_because: None = None
    return_note: None = None
    duplicates: list[None] = []
    hidden: bool
    allowed: list[str] = []


class HallSide(Struct, frozen=True, kw_only=True):
    """The owners of a need of the hall, for the rules of acts. No answer holds them, and they are not read for guests."""

    id: UUID
    account_id: UUID | None
    poster_id: UUID
    household_id: UUID
    region: str
    consent: str | None
    state: str = "published"
    hidden: bool = False
    ended_at: None = None


class HallPage(Struct, kw_only=True):
    """Needs in their order, the stage of each, the owners of each unless a guest asks, and how many the listing gave for them.

    `last` is the last place of the listing, where a search by words asks for it.
    """

    items: list[HallNeed]
    stages: list[int]
    sides: list[HallSide] = []
    listed: int
    last: Place | None = None

    def cut(self, limit: int) -> "HallPage":
        """Return the first needs of the page."""
        return msgspec.structs.replace(self, items=self.items[:limit], stages=self.stages[:limit], sides=self.sides[:limit])


EMPTY = HallPage(items=[], stages=[], listed=0)
_DECODER = msgspec.json.Decoder(HallPage)


def _moment(column: str) -> str:
    """Return the SQL of a time as Python writes it in ISO 8601."""
    written = f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    return f"replace({written}, '.000000', '') || '+00:00' AS {column}"


_COLUMNS = (
    "id, version, state, region, category, unit, quantity, urgency, posted_at, published_at, expires_at, ended_because, specification,"
    " charity, charity_id, story, terms, hidden"
)
_OF_SIDES = ", account_id, poster_id, household_id, consent"
_ANSWER = f"""
    page.id, version, 'public' AS shown, state,
    CASE WHEN left(region, 9) IN (SELECT town FROM public_towns) THEN left(region, 9) ELSE left(region, 6) END AS region,
    category, unit, quantity, quantity = 0 AS quantity_unknown,
    coalesce(accepted, 0) AS accepted, coalesce(delivered, 0) AS delivered, coalesce(proposed, 0) AS proposed, urgency,
    {_moment("posted_at")}, {_moment("published_at")}, {_moment("expires_at")}, ended_because, specification, charity, charity_id, story,
    CASE unit WHEN 'fen' THEN quantity ELSE CAST(terms ->> 'price' AS bigint) * quantity END AS value, hidden
"""
_SIDES = (
    ", 'sides', (SELECT coalesce(json_agg(json_build_object('id', id, 'account_id', account_id, 'poster_id', poster_id,"
    " 'household_id', household_id, 'region', region, 'consent', consent) ORDER BY {order}), '[]') FROM page)"
)
# What has a limit of its own is never planned as a join, which would read a whole table where that is small or newly filled.
# The query decides again who is shown: a listing is an index and nothing more.
_PAGE = """
    WITH RECURSIVE {listed}, page AS MATERIALIZED (
        SELECT listed.stage, need.* FROM (SELECT stage, id FROM listed ORDER BY {order}) AS listed CROSS JOIN LATERAL (
            SELECT {columns} FROM needs WHERE needs.id = listed.id AND is_shown{more} LIMIT 1
        ) AS need ORDER BY {listed_order} LIMIT {limit}
    ), {towns}, answer AS (
        SELECT {answer} FROM page LEFT JOIN LATERAL (
            SELECT accepted, proposed, delivered FROM need_quantities WHERE id = page.id LIMIT 1
        ) AS sums ON true ORDER BY {order}
    )
    SELECT CAST(json_build_object(
        'items', (SELECT coalesce(json_agg(answer), '[]') FROM answer),
        'stages', (SELECT coalesce(json_agg(stage ORDER BY {order}), '[]') FROM page),
        'listed', (SELECT count(*) FROM listed){further}
    ) AS text)
"""
_WORDS = " AND (words @> CAST(:words AS text[]) OR category = ANY(CAST(:items AS text[])))"
_LAST = ", 'last', (SELECT json_build_array(stage, id) FROM listed ORDER BY {reverse} LIMIT 1)"
_GIVEN = "listed (stage, id) AS MATERIALIZED (SELECT * FROM unnest(CAST(:stages AS integer[]), CAST(:ids AS uuid[])))"


def load_page(session: Session, places: Sequence[Place], limit: int, **how: Any) -> HallPage:
    """Load the first needs of these places; the rest is that of `read_page`."""
    given = {"stages": encode_array(stage for stage, _ in places), "ids": encode_array(need for _, need in places)}
    return read_page(session, _GIVEN, given, limit, **how) if places else HallPage(items=[], stages=[], listed=0)


def read_page(
    session: Session,
    listed: str,
    given: dict[str, Any],
    limit: int,
    *,
    is_ascending: bool,
    with_sides: bool,
    words: Sequence[str] = (),
    items: Sequence[str] = (),
    town: str = "",
) -> HallPage:
    """Read the first needs of `listed`, which is SQL of `listed (stage, id)`; with `words`, of those that have them or are `items`.

    All of them lie in `town`, if one is given.
    """
    if words:
        given = given | {"words": encode_array(words), "items": encode_array(items)}
    if town:
        given = given | {"town": town}
    statement = _compile(
        listed,
        limit,
        is_ascending=is_ascending,
        has_words=bool(words),
        with_sides=with_sides,
        is_in_town=bool(town),
        fewest=k_anonymity.FEWEST_HOUSEHOLDS,
    )
    page = _DECODER.decode(session.connection().exec_driver_sql(statement, given).scalar_one())
    open_values(Need, page.items, ("story", "specification"))
    for need in page.items:
        need.specification = msgspec.json.decode(need.specification) if need.specification else None
    return page


@lru_cache(maxsize=256)
def _compile(listed: str, limit: int, *, is_ascending: bool, has_words: bool, with_sides: bool, is_in_town: bool, fewest: int) -> str:
    """Return the statement, compiled for the driver. Numbers of rows stand in it, so that its plan holds for all its parameters."""
    order, reverse = ("stage, id", "stage DESC, id DESC") if is_ascending else ("stage, id DESC", "stage DESC, id")
    # In the order of the listing itself, needs are looked up no further than the page goes.
    listed_order = f"listed.stage, listed.id{'' if is_ascending else ' DESC'}"
    further = (_SIDES.format(order=order) if with_sides else "") + (_LAST.format(reverse=reverse) if has_words else "")
    statement = _PAGE.format(
        listed=listed,
        columns=_COLUMNS + (_OF_SIDES if with_sides else ""),
        more=_WORDS if has_words else "",
        limit=int(limit),
        towns=describe_towns("SELECT CAST(:town AS text)" if is_in_town else "SELECT DISTINCT left(region, 9) FROM page"),
        answer=_ANSWER,
        order=order,
        listed_order=listed_order,
        further=further,
    )
    # The driver remembers how it reads a statement, unless that is long.
    return compile_for_driver(" ".join(statement.replace(":fewest", str(int(fewest))).split()))
