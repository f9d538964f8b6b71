"""Rules of appointments and sign-ins, without a database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from users.appointments.model import Appointment
from users.appointments.rules import (
    acts_on_appointment,
    can_see_appointment,
    find_answer_problem,
    find_appointing_problem,
    find_dismissal_problem,
    has_lapsed,
)  # fmt: skip
from users.regions.rules import find_region_problem

from .conftest import VILLAGE

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAKER, HOLDER = new_id(), new_id()
DISMISS = ["dismiss_administrator"]


def caller(*regions: str, person: UUID | None = None) -> Caller:
    """A caller who manages these regions. Their session is bound to no database."""
    made = Caller(person or new_id(), "staff", Session())
    vars(made).update(regions=list(regions), audited_regions=[])
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


@pytest.mark.parametrize(
    ("own", "others", "is_appointer", "code"),
    [
        (("510903",), (), False, None),
        (("510903",), ("510903",), False, None),
        (("510903",), (VILLAGE[:9],), False, None),
        (("510903",), ("5109",), False, "outranked"),
        (("510903", "51"), ("5109",), False, None),
        (("510903", "44"), ("44",), False, None),
        (("510903",), ("4401",), False, None),
        (("44",), ("5109",), False, None),
        (("510903",), (), True, "own_appointer"),
    ],
)
def test_nobody_appoints_those_above_them(own: tuple[str, ...], others: tuple[str, ...], is_appointer: bool, code: str | None) -> None:
    problem = find_appointing_problem(caller(*own), HOLDER, VILLAGE, others, is_appointer)
    assert (problem and problem.code) == code


def offer(**changes: Any) -> Appointment:
    return Appointment(**{"region": VILLAGE, "account_id": HOLDER, "answerable_to": MAKER, "appointed_at": NOW} | changes)


@pytest.mark.parametrize(
    ("who", "changes", "code", "state"),
    [
        (HOLDER, {}, None, None),
        (HOLDER, {"valid_until": NOW.date()}, None, None),
        (MAKER, {}, "not_allowed", None),
        (HOLDER, {"confirmed_at": NOW}, "state_conflict", "confirmed"),
        (HOLDER, {"appointed_at": NOW - timedelta(days=30)}, "state_conflict", "lapsed"),
    ],
)
def test_only_the_holder_answers_an_offer_in_time(who: UUID, changes: dict[str, Any], code: str | None, state: str | None) -> None:
    problem = find_answer_problem(caller(person=who), offer(**changes), NOW, NOW.date())
    assert (problem and problem.code, problem and problem.details.get("state")) == (code, state)
    acts = ["confirm_appointment", "refuse_appointment"] if code is None else []
    assert acts_on_appointment(caller(person=who), offer(**changes), NOW, NOW.date()) == [*acts, "dismiss_administrator"]


@pytest.mark.parametrize(
    ("appointed_at", "valid_until", "lapses"),
    [
        (NOW - timedelta(days=30), None, True),
        (NOW - timedelta(days=30) + timedelta(seconds=1), None, False),
        (NOW, date(2026, 3, 1), False),
        (NOW, date(2026, 2, 28), True),
    ],
)
def test_offer_lapses_after_thirty_days_or_its_last_day(appointed_at: datetime, valid_until: date | None, lapses: bool) -> None:
    assert has_lapsed(offer(appointed_at=appointed_at, valid_until=valid_until), NOW, NOW.date()) == lapses


def test_holder_resigns_but_reports_no_abuse() -> None:
    held = offer(answerable_to=None, appointed_by=MAKER)
    assert find_dismissal_problem(caller(person=MAKER), held, "abuse") is None
    assert find_dismissal_problem(caller(person=HOLDER), held) is None
    problem = find_dismissal_problem(caller(person=HOLDER), held, "abuse")
    assert problem is not None
    assert problem.code == "not_allowed"
