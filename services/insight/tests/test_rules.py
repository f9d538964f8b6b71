"""Rules of visibility, without a database."""

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.problems import Problem
from insight.days import By, Period
from insight.rules import LONGEST_PERIOD, choose_period, find_public_problem, sees_all

from .conftest import CITY, COUNTY, TOWN, VILLAGE

TODAY = date(2026, 3, 15)


def caller(*regions: str) -> Caller:
    """A caller who manages these regions. Their session is bound to no database."""
    made = Caller(new_id(), "staff", Session())
    vars(made).update(regions=list(regions), audited_regions=[])
    return made


@pytest.mark.parametrize(
    ("who", "sees"), [(None, False), (caller(), False), (caller(CITY), True), (caller(COUNTY), True), (caller(TOWN), False)]
)
def test_administrators_see_all_of_their_regions(who: Caller | None, sees: bool) -> None:
    assert sees_all(who, COUNTY) == sees


@pytest.mark.parametrize(
    ("region", "by", "code"),
    [("", None, None), (COUNTY, "month", None), (TOWN, None, "not_found"), (VILLAGE, "day", "not_found"), (COUNTY, "day", "months_only")],
)
def test_the_public_asks_for_months_of_counties(region: str, by: By | None, code: str | None) -> None:
    refusal = find_public_problem(region, by)
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("since", "until", "by", "for_public", "expected"),
    [
        (None, None, None, False, Period(date(2025, 4, 1), TODAY, "month")),
        (None, None, None, True, Period(date(2025, 4, 1), date(2026, 2, 28), "month")),
        (None, date(2026, 3, 27), None, False, Period(date(2025, 5, 1), date(2026, 3, 27), "month")),
        (None, date(2026, 3, 26), None, False, Period(date(2025, 4, 1), date(2026, 3, 26), "month")),
        (TODAY, TODAY, "day", False, Period(TODAY, TODAY, "day")),
        (TODAY - LONGEST_PERIOD, TODAY, None, False, Period(TODAY - timedelta(days=1100), TODAY, "month")),
        (date(2026, 2, 10), date(2026, 2, 20), "day", False, Period(date(2026, 2, 10), date(2026, 2, 20), "day")),
        (date(2026, 2, 10), date(2026, 2, 20), None, True, Period(date(2026, 2, 1), date(2026, 2, 28), "month")),
    ],
)
def test_a_period_is_filled_in(since: date | None, until: date | None, by: By | None, for_public: bool, expected: Period) -> None:
    assert choose_period(since, until, by, TODAY, for_public) == expected


@pytest.mark.parametrize(
    ("since", "until", "for_public", "code"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), False, "wrong_period"),
        (date(2020, 1, 1), date(2026, 3, 1), False, "wrong_period"),
        (TODAY - timedelta(days=1101), TODAY, False, "wrong_period"),
        (date(2026, 3, 1), date(2026, 3, 15), True, "no_month_over"),
    ],
)
def test_a_wrong_or_unfinished_period_is_refused(since: date, until: date, for_public: bool, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        choose_period(since, until, None, TODAY, for_public)
    assert refusal.value.code == code
