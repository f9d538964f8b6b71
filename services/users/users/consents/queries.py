"""Queries of consents, for the household and the administrators of its region."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.consents.model import Consent
from users.households.model import Household


def list_consents(session: Session, caller: Caller, household_id: UUID | None = None, **paging: Any) -> dict[str, Any]:
    """Read a page of the consents of the caller's household and of those in the caller's regions, newest first."""
    query = select(Consent).join(Consent.household).where(or_(caller.within(Household.region), Household.account_id == caller.id))
    return page(session, query.where(Consent.household_id == household_id) if household_id else query, Consent.id, **paging)


def get_consent(session: Session, caller: Caller, consent_id: UUID, *, lock: bool = False) -> Consent:
    """Get a consent of the caller's household, or in the caller's regions; locked on request. Raises `not_found`."""
    visible = or_(caller.within(Household.region), Household.account_id == caller.id)
    query = select(Consent).join(Consent.household).where(Consent.id == consent_id, visible)
    found = session.scalars(query.with_for_update(of=Consent) if lock else query).first()
    if found is None:
        raise not_found()
    return found


def has_consented(session: Session, household_id: UUID, purpose: str) -> bool:
    """Tell whether a consent of the household for this purpose stands now."""
    standing = select(Consent.id).where(Consent.household_id == household_id, Consent.purpose == purpose, Consent.withdrawn_at.is_(None))
    return session.scalars(standing).first() is not None
