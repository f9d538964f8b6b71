"""Rules of appointments and sign-ins, without a database."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from users.appointments.model import Appointment
from users.appointments.rules import acts_on_appointment, can_see_appointment, find_appointing_problem, find_dismissal_problem
from users.regions.rules import find_region_problem

from .conftest import VILLAGE

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAKER, HOLDER = new_id(), new_id()
DISMISS = ["dismiss_administrator"]


def caller(*regions: str, person: UUID | None = None) -> Caller:
    """A caller who manages these regions. Their session is bound to no database."""
    made = Caller(person or new_id(), "staff", Session())
    vars(made)["regions"] = list(regions)
    return made


@pytest.mark.parametrize(("region", "is_right"), [(VILLAGE, True), (VILLAGE[:9], True), (VILLAGE[:6], False), ("", False), ("5107", False)])
def test_an_administrator_acts_in_managed_regions_only(region: str, is_right: bool) -> None:
    assert (find_region_problem(caller(VILLAGE[:9], "44"), region) is None) == is_right


def test_nobody_appoints_themselves() -> None:
    assert find_appointing_problem(caller("", person=HOLDER), HOLDER, VILLAGE, [], False) is not None
    assert find_appointing_problem(caller(""), HOLDER, VILLAGE, [], False) is None


@pytest.mark.parametrize(
    ("who", "is_seen", "acts"),
    [
        (caller("510903"), True, DISMISS),
        (caller(""), True, DISMISS),
        (caller(VILLAGE[:9]), True, []),
        (caller(VILLAGE[:9], person=MAKER), True, DISMISS),
        (caller(person=HOLDER), True, DISMISS),
        (caller(VILLAGE), False, []),
        (caller("5107"), False, []),
    ],
)
def test_maker_holder_and_wider_managers_dismiss(who: Caller, is_seen: bool, acts: list[str]) -> None:
    appointment = Appointment(region=VILLAGE[:9], account_id=HOLDER, answerable_to=MAKER, confirmed_at=NOW, began_at=NOW)
    assert can_see_appointment(who, appointment) == is_seen
    assert acts_on_appointment(who, appointment, NOW, NOW.date()) == acts
    appointment.dismissed_at = NOW
    assert acts_on_appointment(who, appointment, NOW, NOW.date()) == []
    problem = find_dismissal_problem(who, appointment)
    assert problem is not None
    assert problem.details == ({"state": "dismissed"} if acts else {})
