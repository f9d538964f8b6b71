"""Queries for limits: what is used of them, the trust in a person, and the limits that regions have set."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now, without_table_scans
from chassis.http.auth import Caller
from chassis.problems import not_found
from needs.limits import rules
from needs.limits.defaults import Key
from needs.limits.model import LimitSet, Organisation
from needs.limits.rules import Giving, Pledged
from needs.merges import AS_ONE, find_owners
from needs.model import Need, Pledge

DAY = timedelta(days=1)


class Posting(NamedTuple):
    """The sums that count when a need is posted for a household."""

    needs_of_day: int
    has_received: bool


MOST_SHOWN = 50
_LOADED = "limits"

# A pledge counts as offered until matching has answered its withdrawal, because it may have promised more of it meanwhile. A sent quantity
# counts until it is received. A pledge for a group counts for each item of the group, and a pledge for an item counts for its groups.
_FIGURES = """
    SELECT pledges.id, category, unit, coalesce(delivered, 0) AS delivered, proposals,
        CAST(coalesce(promised, 0) + CASE
            WHEN valid_until > now() AND NOT (withdrawn AND answered_version >= version)
            THEN greatest(0, pledges.quantity - coalesce(accepted, 0)) ELSE 0
        END AS bigint) AS outstanding
    FROM pledges LEFT JOIN pledge_quantities USING (id) LEFT JOIN LATERAL (
        SELECT sum(coalesce(sent, matches.quantity)) FILTER (WHERE state <> 'proposed') AS promised,
            count(*) FILTER (WHERE state = 'proposed') AS proposals
        FROM matches WHERE pledge_id = pledges.id AND state IN ('proposed', 'accepted', 'sent')
    ) AS matched ON true
    WHERE pledger_id = :giver
"""
_ALIKE = "unit = :unit AND (starts_with(category || '.', :category || '.') OR starts_with(:category || '.', category || '.'))"
_GIVING = text(
    f"""
    SELECT count(*) FILTER (WHERE outstanding > 0) AS open_pledges,
        CAST(coalesce(sum(outstanding) FILTER (WHERE {_ALIKE}), 0) AS bigint) AS outstanding,
        CAST(coalesce(sum(outstanding) FILTER (WHERE id = :pledge), 0) AS bigint) AS own_outstanding,
        CAST(coalesce(sum(proposals), 0) AS bigint) AS proposals,
        coalesce(bool_or(delivered > 0), false) AS has_delivered
    FROM ({_FIGURES}) AS pledged
    """
)
_PLEDGED = text(f"SELECT * FROM ({_FIGURES}) AS pledged WHERE outstanding > 0 OR proposals > 0")
_HAS_DELIVERED = text("SELECT EXISTS (SELECT FROM pledges JOIN pledge_quantities USING (id) WHERE pledger_id = :giver AND delivered > 0)")
_AS_ONE = f"ANY(ARRAY({AS_ONE}))"
HAS_RECEIVED = f"""
    SELECT EXISTS (SELECT FROM needs JOIN need_quantities USING (id) WHERE needs.household_id = {_AS_ONE} AND delivered > 0)
"""
"""Whether a `household`, or one that was merged into it, has received something that it needed, as a query within others."""
_POSTING = text(
    f"SELECT (SELECT count(*) FROM needs WHERE household_id = {_AS_ONE} AND posted_at > :since) AS needs, ({HAS_RECEIVED}) AS has_received"
)
# Each household is looked up by itself: a plan that expects few needs would read all of a day for every batch of a large table.
_POSTED_OF_MANY = text(
    """
    SELECT wanted.household_id, posted FROM unnest(CAST(:households AS uuid[])) AS wanted (household_id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS posted FROM needs WHERE needs.household_id = wanted.household_id AND posted_at > :since
    ) AS found
    """
)
_RECEIVERS = text(
    """
    SELECT wanted.household_id FROM unnest(CAST(:households AS uuid[])) AS wanted (household_id)
    CROSS JOIN LATERAL (
        SELECT FROM needs JOIN need_quantities USING (id) WHERE needs.household_id = wanted.household_id AND delivered > 0 LIMIT 1
    ) AS received
    """
)
# The latest version of each region.
_SETS = text(
    "SELECT DISTINCT ON (region) region, limits FROM limits WHERE region = ANY(CAST(:regions AS text[])) ORDER BY region, version DESC"
)


def load_giving(session: Session, pledge: Pledge) -> Giving:
    """Load what the pledger of a stored pledge has pledged, that pledge included."""
    about = {"giver": pledge.pledger_id, "pledge": pledge.id, "category": pledge.category, "unit": pledge.unit}
    return Giving(**session.execute(_GIVING, about).mappings().one())


def load_pledged(session: Session, giver_id: UUID) -> list[Pledged]:
    """Load the figures of the pledges of a giver that count: something is outstanding, or a proposal waits."""
    rows = session.execute(_PLEDGED, {"giver": giver_id}).mappings()
    return [Pledged(**{name: row[name] for name in ("id", "category", "unit", "outstanding", "proposals")}) for row in rows]


def has_delivered(session: Session, giver_id: UUID) -> bool:
    """Tell whether something of a giver's was received."""
    return bool(session.scalar(_HAS_DELIVERED, {"giver": giver_id}))


def is_verified(session: Session, account_id: UUID) -> bool:
    """Tell whether an administrator has verified this organisation."""
    return bool(session.scalar(select(Organisation.verified).where(Organisation.id == account_id)))


def load_posting(session: Session, household_id: UUID) -> Posting:
    """Load how many needs were posted for a household within a day, and whether it has received anything."""
    return Posting(*session.execute(_POSTING, {"household": household_id, "since": now() - DAY}).one())


def find_receivers(session: Session, household_ids: Collection[UUID]) -> set[UUID]:
    """Find the households that have received something that they needed, themselves or one that was merged into them."""
    owners = find_owners(session, household_ids)
    with without_table_scans(session):
        found = session.scalars(_RECEIVERS, {"households": encode_array(owners)}).all()
    return {owners[household_id] for household_id in found}


def count_needs_of_households(session: Session, household_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Count the needs that were posted for each of these households, and for those that were merged into them, within a day."""
    owners = find_owners(session, household_ids)
    with without_table_scans(session):
        rows = session.execute(_POSTED_OF_MANY, {"households": encode_array(owners), "since": now() - DAY}).all()
    counted = Counter[UUID]()
    for row in rows:
        counted[owners[row.household_id]] += row.posted
    return counted


def count_needs_of_poster(session: Session, poster_id: UUID) -> int:
    """Count the needs that somebody has posted within a day."""
    return session.scalar(select(func.count()).where(Need.poster_id == poster_id, Need.posted_at > now() - DAY)) or 0


def load_sets(session: Session, region: str) -> Mapping[str, Mapping[Key, int]]:
    """Load what a region and those around it have set, by region, once in a transaction."""
    loaded: dict[str, Mapping[str, Mapping[Key, int]]] = session.info.setdefault(_LOADED, {})
    if region not in loaded:
        rows = session.execute(_SETS, {"regions": encode_array(rules.list_enclosing_regions(region))})
        loaded[region] = {row.region: parse_limits(row.limits) for row in rows}
    return loaded[region]


def forget_sets(session: Session) -> None:
    """Have limits loaded anew, because some of them change."""
    session.info.pop(_LOADED, None)


def list_history(session: Session, caller: Caller, region: str) -> Sequence[LimitSet]:
    """List the versions that a region has set, the newest first. Raises `not_found` for a caller who may not read them."""
    if not rules.may_read(caller, region):
        raise not_found()
    query = select(LimitSet).where(LimitSet.region == region).order_by(LimitSet.version.desc()).limit(MOST_SHOWN)
    return session.scalars(query).all()


def find_latest_set(session: Session, region: str) -> LimitSet:
    """Find the last version that a region has set; an empty version 0 when it has set none."""
    query = select(LimitSet).where(LimitSet.region == region).order_by(LimitSet.version.desc()).limit(1)
    return session.scalars(query).first() or LimitSet(version=0)


def parse_limits(stored: Iterable[Sequence[Any]]) -> Mapping[Key, int]:
    """Parse stored limits: lists of kind, trust, limit and the most."""
    return {(kind, trust, limit): most for kind, trust, limit, most in stored}
