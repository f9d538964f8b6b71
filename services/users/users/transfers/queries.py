"""Queries of transfers. They are shown in the place where the person stands, never in the one that asked."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.households.model import Household, Transfer, TransferState


def list_transfers(session: Session, caller: Caller, region: str = "", state: TransferState = "waiting", **paging: Any) -> dict[str, Any]:
    """Read a page of the transfers that the caller's regions are asked for, newest first, with the households."""
    query = select(Transfer).where(caller.within(Transfer.region), below(Transfer.region, region), Transfer.state == state)
    found = page(session, query, Transfer.id, **paging)
    ids = {transfer.household_id for transfer in found["items"]}
    households = session.scalars(select(Household).where(Household.id.in_(ids))).all() if ids else []
    return found | {"households": {household.id: household for household in households}}


def get_transfer(session: Session, caller: Caller, transfer_id: UUID) -> tuple[Transfer, Household]:
    """Get a transfer that the caller's regions are asked for, with the household. Raises `not_found`."""
    query = select(Transfer, Household).join(Household, Household.id == Transfer.household_id)
    found = session.execute(query.where(Transfer.id == transfer_id, caller.within(Transfer.region))).first()
    if found is None:
        raise not_found()
    return found[0], found[1]
