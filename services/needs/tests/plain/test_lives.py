"""Needs and pledges live as their plain models in any order of acts, events and timers; a missing guard is found."""

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.testing.fixtures import RolledBack
from chassis.testing.twins import altered
from needs import actions
from needs.life import actions as life
from needs.review import actions as review

from .machines import Machine, NeedLife, PledgeLife, Scene

CAMPAIGN = "CAMPAIGN" in os.environ
RUNS = int(os.environ.get("RUNS", "5000" if CAMPAIGN else "20"))
SEEDS = {"unknown_quantities_are_published": 7}
"""Seeds of the searches for a missing guard that find it sooner than 1 does."""
SHARES = 4 if CAMPAIGN else 1
"""Parts of a campaign, which run in different processes."""
STEPS = 20
# Only a campaign goes other ways each time; the short run is the same until a machine changes.
AS_IT_COMES = {
    "deadline": None,
    "stateful_step_count": STEPS,
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
    "report_multiple_bugs": False,
} | ({} if CAMPAIGN else {"derandomize": True, "database": None})


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("machine", [NeedLife, PledgeLife], ids=lambda machine: str(machine.__name__))
def test_random_acts_agree_with_the_plain_model(database: RolledBack, machine: type[Machine], share: int) -> None:
    scene = Scene(database)
    run_state_machine_as_test(lambda: machine(scene), settings=settings(max_examples=RUNS // SHARES, **AS_IT_COMES))


def ended_needs_are_met(patch: pytest.MonkeyPatch, database: RolledBack) -> None:
    patch.setattr(life, "end_met_needs", altered(life.end_met_needs, 'Need.state == "published", '))


def unknown_quantities_are_published(patch: pytest.MonkeyPatch, database: RolledBack) -> None:
    patch.setattr(review, "find_quantity_problem", lambda need, quantity: None)


def older_versions_count(patch: pytest.MonkeyPatch, database: RolledBack) -> None:
    newer = "            where=Match.version < rows.excluded.version,\n"
    patch.setattr(actions, "record_matches", altered(actions.record_matches, newer))


def history_is_not_written(patch: pytest.MonkeyPatch, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("DROP TRIGGER need_lived ON needs"))


def matches_use_nothing_up(patch: pytest.MonkeyPatch, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("DROP TRIGGER pledge_used ON pledge_quantities"))


def changes_use_nothing_up(patch: pytest.MonkeyPatch, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("DROP TRIGGER pledge_measured ON pledges"))


def older_answers_count(patch: pytest.MonkeyPatch, database: RolledBack) -> None:
    patch.setattr(actions, "record_releases", altered(actions.record_releases, ", Pledge.released_version < event.version"))


@pytest.mark.timeout(3600)
@pytest.mark.xfail(strict=True, raises=(AssertionError, DBAPIError), reason="without the guard the state machine finds the difference")
@pytest.mark.parametrize(
    ("machine", "without"),
    [
        (NeedLife, ended_needs_are_met),
        (NeedLife, unknown_quantities_are_published),
        (NeedLife, older_versions_count),
        (NeedLife, history_is_not_written),
        (PledgeLife, matches_use_nothing_up),
        (PledgeLife, changes_use_nothing_up),
        (PledgeLife, older_answers_count),
    ],
    ids=lambda one: str(one.__name__),
)
def test_missing_guard_is_found(
    database: RolledBack,
    monkeypatch: pytest.MonkeyPatch,
    machine: type[Machine],
    without: Callable[[pytest.MonkeyPatch, RolledBack], None],
) -> None:
    scene = Scene(database)
    without(monkeypatch, database)
    quickly = settings(max_examples=10_000, phases=[Phase.generate], **AS_IT_COMES | {"derandomize": True, "database": None})
    run_state_machine_as_test(seed(SEEDS.get(without.__name__, 1))(lambda: machine(scene)), settings=quickly)
