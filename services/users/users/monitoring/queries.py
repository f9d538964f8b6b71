"""Queries of labels. They are shown to whoever may see their household."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.households.model import Household
from users.households.queries import get_household
from users.monitoring.model import Label

MONITORED = and_(Label.exited_on.is_(None), Label.risk_removed_on.is_(None))
IN_STATE: dict[str, ColumnElement[bool]] = {
    "monitored": MONITORED,
    "risk_removed": and_(Label.exited_on.is_(None), Label.risk_removed_on.is_not(None)),
    "exited": Label.exited_on.is_not(None),
}


def list_labels(
    session: Session, caller: Caller, region: str = "", label: str | None = None, state: str = "monitored", **paging: Any
) -> dict[str, Any]:
    """Read a page of the labels of standing households in the caller's regions, newest first, with these households."""
    theirs = select(Household.id).where(
        Household.id == Label.household_id, caller.within(Household.region), below(Household.region, region), Household.ended_at.is_(None)
    )
    query = select(Label).where(theirs.exists(), IN_STATE[state])
    return _with_households(session, page(session, query.where(Label.label == label) if label else query, Label.id, **paging))


def list_labels_of(session: Session, caller: Caller, household_id: UUID, **paging: Any) -> dict[str, Any]:
    """Read a page of all labels of a household that the caller may see, newest first. Raises `not_found`."""
    household = get_household(session, caller, household_id)
    return _with_households(session, page(session, select(Label).where(Label.household_id == household.id), Label.id, **paging))


def get_label(session: Session, caller: Caller, label_id: UUID) -> tuple[Label, Household]:
    """Get a label of a household that the caller may see, with the household. Raises `not_found`."""
    visible = or_(caller.within(Household.region), Household.account_id == caller.id)
    query = select(Label, Household).join(Household, Household.id == Label.household_id).where(Label.id == label_id, visible)
    found = session.execute(query).first()
    if found is None:
        raise not_found()
    return found[0], found[1]


def find_standing_label(session: Session, household_id: UUID) -> Label | None:
    """Find the label under which a household is monitored now."""
    return session.scalars(select(Label).where(Label.household_id == household_id, MONITORED).with_for_update()).first()


def _with_households(session: Session, found: dict[str, Any]) -> dict[str, Any]:
    ids = {label.household_id for label in found["items"]}
    households = session.scalars(select(Household).where(Household.id.in_(ids))).all() if ids else []
    return found | {"households": {household.id: household for household in households}}
