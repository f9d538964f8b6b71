"""Rules of charities: who names them, and which one receives the money of a need."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

from chassis.http.auth import Caller
from chassis.problems import Problem, not_found, state_conflict
from needs.charities.model import Charity
from needs.charities.problems import charity_needed

REGION_LENGTHS = (2, 4, 6)
"""Lengths of the region codes that may name charities: province, city, county."""
MONEY = "fen"
"""The unit of needs and pledges for money."""
CHINA = timezone(timedelta(hours=8))


def list_enclosing_regions(region: str) -> list[str]:
    """List the regions whose charities may receive money for this one."""
    return [region[:length] for length in REGION_LENGTHS if length <= len(region)]


def china_date(at: datetime) -> date:
    """Return the date in China at a moment."""
    return at.astimezone(CHINA).date()


def is_in_force(charity: Charity, today: date) -> bool:
    """Tell whether a charity receives money today."""
    return charity.ended_at is None and charity.last_day >= today


def choose_charity(charities: Iterable[Charity], today: date) -> Charity | None:
    """Return the charity of the nearest region, the one named first; None without one in force."""
    found = [charity for charity in charities if is_in_force(charity, today)]
    return min(found, key=lambda charity: (-len(charity.region), charity.named_at, charity.id), default=None)


def find_money_problem(unit: str, charity: Charity | None) -> Problem | None:
    """Return the problem of publishing a need for money without a charity; None for everything else."""
    return charity_needed() if unit == MONEY and charity is None else None


def find_charity_problem(caller: Caller, charity: Charity) -> Problem | None:
    """Return the problem that keeps the caller from changing or ending a charity; None if they may."""
    if not caller.manages(charity.region):
        return not_found()
    return state_conflict(state="ended") if charity.ended_at is not None else None


def acts_on_charity(caller: Caller | None, charity: Charity) -> list[str]:
    """List the operations that the caller may carry out on the charity now."""
    return ["change_charity", "end_charity"] if caller and find_charity_problem(caller, charity) is None else []
