"""Queries of the guide: the household's needs, typical quantities, and the balance, each with one statement for all regions."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from chassis.http.auth import Caller
from needs.catalogue.queries import find_terms
from needs.guide import rules
from needs.guide.rules import Guide, Posted, Typical, Waiting
from needs.limits import rules as limits
from needs.limits.queries import HAS_RECEIVED, load_sets
from needs.model import Household
from needs.problems import unknown_household, unknown_item
from needs.quotas.queries import load_quota

SAMPLE = 200
"""The newest needs of an item in a region that say what is typical."""
YEAR = timedelta(days=365)
_POSTED = text(
    f"""
    SELECT ({HAS_RECEIVED}) AS has_received, count(*) FILTER (WHERE state IN ('posted', 'confirmed', 'returned', 'published')) AS open,
        count(*) FILTER (WHERE posted_at > :since) AS last_year,
        count(*) FILTER (WHERE state IN ('posted', 'confirmed', 'returned', 'published') AND category = :category) AS same_item
    FROM needs WHERE household_id = :household
    """
)
# The listings hold the published needs of every region; a page of them bounds what is read, however many there are. What has a limit of
# its own is never planned as a join of whole tables.
_TYPICAL = text(
    f"""
    SELECT place.region, count(*) AS needs,
        percentile_disc(ARRAY[0.25, 0.5, 0.75, 0.9]) WITHIN GROUP (ORDER BY sample.quantity) AS quantities
    FROM unnest(CAST(:regions AS text[])) AS place (region) CROSS JOIN LATERAL (
        SELECT need.* FROM (
            SELECT id FROM need_listings AS listing WHERE listing.region = place.region COLLATE "C" AND listing.category = :category
            ORDER BY id DESC LIMIT {SAMPLE}
        ) AS newest, LATERAL (SELECT quantity, of_institution FROM needs WHERE needs.id = newest.id LIMIT 1) AS need
    ) AS sample
    WHERE sample.of_institution = :of_institution GROUP BY place.region
    """
)
# Rows of regions that succeeded others are added up.
_BALANCE = text(
    """
    SELECT region, CAST(sum(waiting_needs) AS bigint) AS waiting_needs, CAST(sum(waiting_units) AS bigint) AS waiting_units,
        CAST(sum(open_pledges) AS bigint) AS open_pledges, CAST(sum(open_units) AS bigint) AS open_units, max(typical_days) AS typical_days
    FROM balances WHERE category = :category AND unit = :unit AND region = ANY(CAST(:regions AS text[])) GROUP BY region
    """
)


def find_household(session: Session, caller: Caller, household_id: UUID | None) -> Household | None:
    """Find the household to advise: the caller's own, or one of a region they manage; None without one. Raises `unknown_household`."""
    if caller.kind == "household":
        mine = session.scalars(select(Household).where(Household.account_id == caller.id, ~Household.ended)).first()
        if household_id is not None and (mine is None or mine.id != household_id):
            raise unknown_household()
        return mine
    household = session.get(Household, household_id) if household_id else None
    if household_id and (household is None or household.ended or not caller.manages(household.region)):
        raise unknown_household()
    return household


def load_guide(session: Session, category: str, region: str, household: Household | None, posted: UUID | None = None) -> Guide:
    """Load what is known about an item in a region, and about the household's needs. Raises `unknown_item`.

    `posted` is a need that was posted just now: the quota is that without it.
    """
    terms = find_terms(session, category, region)
    if terms is None:
        raise unknown_item(members={"category": category})
    of_institution = household is not None and household.is_institution
    places = rules.regions_above(region)
    return Guide(
        region=region,
        terms=terms,
        typical=_load_typical(session, category, places, of_institution=of_institution),
        balance=_load_balance(session, category, terms.item.unit or "", places),
        household=_load_posted(session, category, household) if household else None,
        of_institution=of_institution,
        quota=load_quota(session, household, terms, besides=posted) if household else None,
    )


def _load_typical(session: Session, category: str, places: Sequence[str], *, of_institution: bool) -> list[Typical]:
    """Load what is typical in the nearest of the regions and in the widest, the country."""
    compared = list(dict.fromkeys((places[0], places[-1])))
    asked = {"category": category, "regions": encode_array(compared), "of_institution": of_institution}
    found = {row.region: row for row in session.execute(_TYPICAL, asked)}
    return [Typical(region, row.needs, row.quantities) for region in compared if (row := found.get(region))]


def _load_balance(session: Session, category: str, unit: str, places: Sequence[str]) -> list[Waiting]:
    asked = {"category": category, "unit": unit, "regions": encode_array(places)}
    found = {row["region"]: Waiting(**row) for row in session.execute(_BALANCE, asked).mappings()}
    return [found.get(region, Waiting(region, 0, 0, 0, 0, None)) for region in places]


def _load_posted(session: Session, category: str, household: Household) -> Posted:
    about = {"household": household.id, "category": category, "since": now() - YEAR}
    posted = dict(session.execute(_POSTED, about).mappings().one())
    trust = limits.find_trust("household", has_delivered=posted.pop("has_received"), is_verified=False)
    advice = limits.choose_limits("household", trust, household.region, load_sets(session, household.region))
    return Posted(**posted, advised_open=advice["open_needs"], advised_a_year=advice["needs_a_year"])
