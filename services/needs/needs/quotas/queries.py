"""Queries of quotas: what the needs of a household ask for within the days of their items."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from needs.catalogue.rules import Terms
from needs.merges import AS_ONE, find_owners
from needs.model import Household
from needs.quotas.rules import Quota, make_quota

# An open need counts whole, an ended one with what it has got. Households that were merged into this one count too.
_USED = text(
    f"""
    SELECT needs.category, CAST(sum(CASE WHEN state IN ('posted', 'confirmed', 'returned', 'published') THEN needs.quantity
        ELSE least(needs.quantity, coalesce(accepted, 0)) END) AS bigint) AS used
    FROM unnest(CAST(:categories AS text[]), CAST(:days AS bigint[])) AS wanted (category, days)
    JOIN needs ON needs.category = wanted.category AND posted_at > now() - make_interval(days => CAST(wanted.days AS int))
    LEFT JOIN need_quantities ON need_quantities.id = needs.id
    WHERE needs.household_id = ANY(ARRAY({AS_ONE}))
        AND needs.id IS DISTINCT FROM CAST(:besides AS uuid)
    GROUP BY needs.category
    """
)


# The same for items of many households; `owners` are the households into which `members` were merged, or the members themselves.
_USED_OF_MANY = text(
    """
    SELECT wanted.household_id, needs.category, CAST(sum(CASE WHEN state IN ('posted', 'confirmed', 'returned', 'published')
        THEN needs.quantity ELSE least(needs.quantity, coalesce(accepted, 0)) END) AS bigint) AS used
    FROM unnest(CAST(:households AS uuid[]), CAST(:categories AS text[]), CAST(:days AS bigint[])) AS wanted (household_id, category, days)
    JOIN unnest(CAST(:owners AS uuid[]), CAST(:members AS uuid[])) AS one (owner, id) ON one.owner = wanted.household_id
    JOIN needs ON needs.household_id = one.id AND needs.category = wanted.category
        AND posted_at > now() - make_interval(days => CAST(wanted.days AS int))
    LEFT JOIN need_quantities ON need_quantities.id = needs.id
    GROUP BY wanted.household_id, needs.category
    """
)


def load_quotas_of_many(session: Session, asked: Iterable[tuple[Household, Terms]]) -> dict[tuple[UUID, str], Quota]:
    """Load the quotas of households of known size for the items that they ask for, by household and category."""
    wanted = {(one.id, terms.item.category): (one, terms) for one, terms in asked if one.size and not one.is_institution}
    if not wanted:
        return {}
    ids = {household_id for household_id, _ in wanted}
    owners = find_owners(session, ids)
    given = {
        "households": encode_array(household_id for household_id, _ in wanted),
        "categories": encode_array(category for _, category in wanted),
        "days": encode_array(terms.days for _, terms in wanted.values()),
        "owners": encode_array(owners.values()),
        "members": encode_array(owners),
    }
    used = {(row.household_id, row.category): row.used for row in session.execute(_USED_OF_MANY, given)}
    return {key: make_quota(terms, one.size, used.get(key, 0)) for key, (one, terms) in wanted.items()}


def load_quotas(session: Session, household: Household, terms: Iterable[Terms], besides: UUID | None = None) -> Mapping[str, Quota]:
    """Load the quotas of a household for items, by category; `besides` is a need that is judged and does not count itself.

    An institution has none: it asks for many people.
    """
    items = [] if household.is_institution else [*terms]
    if not items:
        return {}
    asked = {
        "household": household.id,
        "categories": encode_array([one.item.category for one in items]),
        "days": encode_array([one.days for one in items]),
        "besides": besides,
    }
    used = {row.category: row.used for row in session.execute(_USED, asked)}
    return {one.item.category: make_quota(one, household.size, used.get(one.item.category, 0)) for one in items}


def load_quota(session: Session, household: Household, terms: Terms, besides: UUID | None = None) -> Quota | None:
    """Load the quota of a household for one item; None for an institution."""
    return load_quotas(session, household, [terms], besides).get(terms.item.category)
