"""Callers, matches and movements without a database, for tests of the rules."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.problems import Problem
from matching.book.model import Match, Movement, Slip

VILLAGE = "510903001001"
TOWN, COUNTY, CITY = VILLAGE[:9], VILLAGE[:6], VILLAGE[:4]
AT = datetime.now(UTC)
GIVER, HOUSEHOLD, AGENT = new_id(), new_id(), new_id()


def caller(*regions: str, person: UUID | None = None) -> Caller:
    """Make a caller who manages these regions. The caller's session is bound to no database."""
    made = Caller(person or new_id(), "staff" if regions else "donor", Session())
    vars(made).update(regions=list(regions), audited_regions=[])
    return made


giver, household, agent = caller(person=GIVER), caller(person=HOUSEHOLD), caller(VILLAGE, person=AGENT)
county, city, stranger = caller(COUNTY), caller(CITY), caller("510904")


def match(state: str = "proposed", **changes: Any) -> Match:
    """Make a match of `giver` with the household of `household`, posted by `agent`."""
    stated: dict[str, Any] = {
        "id": new_id(), "version": 1, "state": state, "quantity": 10, "region": VILLAGE, "category": "food.rice", "unit": "kg",
        "pledger_id": GIVER, "account_id": HOUSEHOLD, "poster_id": AGENT, "dispute": None, "close_at": None, "closed_by": None,
        "closed_at": None,
        "proposed_at": AT, "answer_by": AT + timedelta(days=3), "movements": [],
    }  # fmt: skip
    return Match(**stated | changes)


def movement(kind: str, by: UUID | None, at: datetime = AT, quantity: int = 10, printed_by: UUID | None = None) -> Movement:
    """Make a movement; one reported with a slip names the slip's printer."""
    slip = Slip(printed_by=printed_by) if printed_by else None
    return Movement(kind=kind, quantity=quantity, at=at, by=by, slip=slip)


def code(problem: Problem | None) -> str | None:
    """Return the code of a problem, or None without one."""
    return problem.code if problem else None
