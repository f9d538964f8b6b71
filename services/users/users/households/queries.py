"""Queries of households. SQL decides which rows their caller may see."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import query_of_digests
from chassis.data.database import below, without_table_scans
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.households.model import Household, HouseholdVersion, Member, Reveal
from users.problems import unknown_household

STANDING = Household.ended_at.is_(None)
SHOWN = Household.ended_because.is_distinct_from("erased")
PROVING_KINDS = ("own", "shared")
"""The kinds of telephones that prove a household: not a neighbour's, and no landline, which gets no code."""
# The subquery has no condition but that of the index of telephones: without statistics, the planner would take another index for the other.
_COUNT_BY_PHONE = text(
    f"""
    SELECT key, named.region, count(*) AS households FROM {query_of_digests("keys")} AS wanted CROSS JOIN LATERAL
        (SELECT region, ended_at FROM households WHERE contact_phone_fingerprint = key OFFSET 0) AS named
    WHERE named.ended_at IS NULL GROUP BY key, named.region
    """
)


def find_household_id(session: Session, account_id: UUID) -> UUID | None:
    """Find the household of an account; None if it has none."""
    return session.scalar(select(Household.id).where(Household.account_id == account_id))


def require_household(session: Session, household_id: UUID, region: str) -> None:
    """Raise `unknown_household` unless the household stands in the register of this village."""
    stands = select(Household.id).where(Household.id == household_id, Household.region == region, STANDING)
    if session.scalar(stands) is None:
        raise unknown_household()


def list_households(session: Session, caller: Caller, region: str = "", ended: bool = False, **paging: Any) -> dict[str, Any]:
    """Read a page of the households in the regions that the caller manages, newest first: the standing ones, or those that ended."""
    in_state = ~STANDING if ended else STANDING
    query = select(Household).where(caller.within(Household.region), below(Household.region, region), in_state, SHOWN)
    return page(session, query, Household.id, **paging)


def get_household(session: Session, caller: Caller, household_id: UUID, *, lock: bool = False) -> Household:
    """Get a household in the caller's regions, or their own; locked on request. Raises `not_found`."""
    visible = or_(caller.within(Household.region), Household.account_id == caller.id)
    query = select(Household).where(Household.id == household_id, visible, SHOWN)
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        raise not_found()
    return found


def lock_households(session: Session, ids: Collection[UUID]) -> dict[UUID, Household]:
    """Lock households in the order of their ids, and return those that exist."""
    query = select(Household).where(Household.id.in_(ids)).order_by(Household.id).with_for_update()
    return {household.id: household for household in session.scalars(query)}


def find_places(session: Session, ids: Collection[UUID]) -> Mapping[UUID, tuple[UUID, str]]:
    """Find where households are now: their ids and regions, or those of the one they were merged into. Unknown ones are missing."""
    rows = session.execute(select(Household.id, Household.region, Household.merged_into).where(Household.id.in_(ids))).all()
    found = {row.id: (row.merged_into or row.id, row.region) for row in rows}
    merged = {into for here, (into, _) in found.items() if into != here} - set(ids)
    further = find_places(session, merged) if merged else {}
    return {here: further.get(into, (into, region)) for here, (into, region) in found.items()}


def find_noted_household(session: Session, phone_fingerprint: bytes, name: str) -> Household | None:
    """Find the household without an account for which its village noted this phone, and lock it; among several, the one of this name."""
    noted = select(Household).where(
        Household.contact_phone_fingerprint == phone_fingerprint,
        Household.account_id.is_(None),
        STANDING,
        or_(Household.phone_kind.is_(None), Household.phone_kind.in_(PROVING_KINDS)),
    )
    found = session.scalars(noted.with_for_update()).all()
    if len(found) > 1:
        found = [household for household in found if household.name == name]
    return found[0] if len(found) == 1 else None


def count_members(session: Session, households: Sequence[Household]) -> Mapping[UUID, int]:
    """Count the standing members besides the head, by household; those without any are missing."""
    ids = [household.id for household in households]
    counted = select(Member.household_id, func.count()).where(Member.household_id.in_(ids), Member.left_at.is_(None))
    return {row[0]: row[1] for row in session.execute(counted.group_by(Member.household_id))} if ids else {}


def count_phones(session: Session, caller: Caller, households: Sequence[Household]) -> Mapping[bytes, int]:
    """Count the standing households of the caller's regions that have each of these telephones."""
    keys = {bytes(household.contact_phone_fingerprint) for household in households if household.contact_phone_fingerprint}
    phone = Household.contact_phone_fingerprint
    counted = select(phone, func.count()).where(phone.in_(keys), STANDING, caller.within(Household.region))
    return {bytes(row[0]): row[1] for row in session.execute(counted.group_by(phone)) if row[0]} if keys else {}


def count_by_phone(session: Session, caller: Caller, fingerprints: Collection[bytes]) -> Counter[bytes]:
    """Count the standing households of the regions that the caller manages by telephone, of many telephones."""
    found = Counter[bytes]()
    with without_table_scans(session):
        for row in session.execute(_COUNT_BY_PHONE, {"keys": b"".join(fingerprints)}):
            found[bytes(row.key)] += row.households if caller.manages(row.region) else 0
    return found


def list_versions(session: Session, caller: Caller, household_id: UUID, **paging: Any) -> dict[str, Any]:
    """Read a page of the versions of a household that the caller may see, newest first. Raises `not_found`."""
    household = get_household(session, caller, household_id)
    query = select(HouseholdVersion).where(HouseholdVersion.household_id == household.id)
    return page(session, query, HouseholdVersion.id, **paging) | {"household": household}


def list_reveals(session: Session, caller: Caller, household_id: UUID, **paging: Any) -> dict[str, Any]:
    """Read a page of the looks at a household that the caller may see, newest first. Raises `not_found`."""
    household = get_household(session, caller, household_id)
    return page(session, select(Reveal).where(Reveal.household_id == household.id), Reveal.id, **paging) | {"household": household}
