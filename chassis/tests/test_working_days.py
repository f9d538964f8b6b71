"""Working days of China: holidays, days made up at weekends, and years that are not published yet."""

from datetime import UTC, date, datetime

import pytest

from chassis.working_days import CHINA, deadline_after, is_working_day


def ends(day: str, working_days: int, hour: int = 9) -> tuple[str, bool]:
    """Return the last day before the deadline ends, and whether it is provisional."""
    found = deadline_after(datetime.fromisoformat(f"{day}T{hour:02}:00:00+08:00"), working_days)
    assert found.at.tzinfo is UTC
    end = found.at.astimezone(CHINA)
    assert (end.hour, end.minute) == (0, 0)
    return date.fromordinal(end.date().toordinal() - 1).isoformat(), found.is_provisional


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-09-30", True),
        ("2026-10-01", False),
        ("2026-10-07", False),
        ("2026-10-10", True),  # A Saturday made up for the National Day.
        ("2026-02-14", True),  # A Saturday made up for the Spring Festival.
        ("2026-02-17", False),
        ("2026-11-28", False),
        ("2026-11-30", True),
    ],
)
def test_days_off_and_days_made_up_are_known(day: str, works: bool) -> None:
    assert is_working_day(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("day", "working_days", "last"),
    [
        ("2026-11-30", 2, "2026-12-02"),
        ("2026-11-27", 2, "2026-12-01"),
        ("2026-09-30", 2, "2026-10-09"),
        ("2026-09-30", 3, "2026-10-10"),
        ("2026-10-09", 1, "2026-10-10"),
        ("2026-11-30", 20, "2026-12-28"),
    ],
)
def test_deadline_passes_over_days_off(day: str, working_days: int, last: str) -> None:
    assert ends(day, working_days) == (last, False)


def test_day_of_a_deadline_is_china_s() -> None:
    late = deadline_after(datetime(2026, 11, 30, 16, 30, tzinfo=UTC), 2)
    assert late.at == datetime(2026, 12, 3, 16, tzinfo=UTC), "half past midnight of the first of December in China"


def test_year_not_yet_published_counts_weekdays_and_says_so() -> None:
    assert ends("2098-01-30", 2) == ("2098-02-03", True)
    assert is_working_day(date(2098, 10, 1)) is True


def test_deadline_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="one working day"):
        deadline_after(datetime.now(UTC), 0)
