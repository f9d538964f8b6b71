"""A pledge goes to no item of another kind; one from before kinds were told goes to none of several kinds until its kind is told again."""

from importlib import import_module
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.matching import MatchLapsed, MatchProposed
from contracts.needs import PledgeOffered
from matching.book import kinds
from matching.book.kinds import Pledged, find_unfit
from matching.intake import actions as intake

from .conftest import changed, clear, offered, published, told
from .test_audit import clear_all, offending
from .test_balance import keep

JOB, LESSON = "employment.homework", "employment.cooking"
MIXED: dict[str, Any] = {"category": "employment", "unit": "person", "quantity": 9}
NO_KIND = pytest.mark.xfail(strict=True, raises=AssertionError, reason="without kinds, whoever needs a job gets a lesson")


def enter(database: RolledBack, *events: Any) -> None:
    with database.begin() as session:
        for event in events:
            (intake.book_pledges if isinstance(event, PledgeOffered) else intake.book_needs)(session, [event])


def need_of(category: str) -> Any:
    return published(category=category, unit="person", quantity=1)


def proposals(database: RolledBack) -> list[str]:
    clear_all(database)
    keep(database)
    assert offending(database) == {}
    return sorted(event.category for event in told(database, MatchProposed))


def make_old(database: RolledBack) -> None:
    """Make all pledges as they were before their kinds were told, then upgrade the database."""
    migration = import_module("matching.migrations.versions.0039_unfit_items")
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET kind = NULL, not_for = ARRAY(SELECT unnest(not_for) EXCEPT SELECT unnest(unfit))"))
        session.execute(text("ALTER TABLE pledges DROP COLUMN unfit"))
        with Operations.context(MigrationContext.configure(session.connection())):
            migration.upgrade()


@pytest.mark.parametrize("looks", [True, pytest.param(False, marks=NO_KIND)])
def test_pledge_of_a_mixed_group_goes_to_its_own_kind(database: RolledBack, monkeypatch: pytest.MonkeyPatch, looks: bool) -> None:
    if not looks:
        monkeypatch.setattr(kinds, "find_unfit", lambda pledged, known: [])
    enter(database, need_of(JOB), need_of(LESSON), offered(kind="training", **MIXED))
    assert proposals(database) == [LESSON]


def test_pledge_of_an_item_of_another_kind_goes_nowhere(database: RolledBack) -> None:
    enter(database, need_of(JOB), offered(kind="training", **MIXED | {"category": JOB}))
    assert proposals(database) == []


def test_pledge_of_before_goes_to_none_of_several_kinds(database: RolledBack) -> None:
    enter(database, offered(kind="training", **MIXED), offered(category="food", quantity=50))
    make_old(database)
    enter(database, need_of(JOB), need_of(LESSON), published(quantity=20))
    assert proposals(database) == ["food.rice"]


@pytest.mark.parametrize("by_change", [False, True])
def test_kind_that_is_told_again_opens_what_fits(database: RolledBack, by_change: bool) -> None:
    pledge = offered(kind="training", **MIXED)
    enter(database, pledge)
    make_old(database)
    enter(database, need_of(JOB), need_of(LESSON))
    clear(database)
    with database.begin() as session:
        if by_change:
            intake.change_pledge(session, changed(pledge, quantity=8))
        else:
            intake.book_pledges(session, [pledge])
    assert proposals(database) == [LESSON]
    assert tuple(database.found(text("SELECT kind, rest FROM pledges"))[0]) == ("training", (8 if by_change else 9) - 1)


def test_kind_that_is_told_again_ends_proposals_of_another(database: RolledBack) -> None:
    pledge = offered(kind="training", **MIXED | {"category": JOB})
    enter(database, pledge)
    make_old(database)
    enter(database, need_of(JOB))
    assert proposals(database) == [JOB], "whether the kind of an item fits is not known before"
    enter(database, pledge)
    assert [event.category for event in told(database, MatchLapsed)] == [JOB]
    assert proposals(database) == [JOB]
    assert tuple(database.found(text("SELECT rest, kind FROM pledges"))[0]) == (9, "training")


def test_rules_of_refusals_stand_beside_the_kind(client: Client, database: RolledBack) -> None:
    giver = Person("donor")
    enter(database, need_of(LESSON), offered(kind="training", pledger_id=giver.id, **MIXED))
    clear(database)
    match = told(database, MatchProposed)[-1].match_id
    assert client.post(f"/v1/matches/{match}/refusal", {"reason": "does_not_fit"}, by=giver).status_code == 201
    enter(database, need_of(LESSON), need_of(JOB))
    assert proposals(database) == [LESSON]
    [lesson] = client.get("/v1/lessons", by=giver).json["items"]
    assert client.post(f"/v1/lessons/{lesson['id']}/withdrawal", by=giver).status_code == 201
    assert proposals(database) == [LESSON, LESSON]


def test_pledge_that_changes_before_its_offer_keeps_its_kind(database: RolledBack) -> None:
    with database.begin() as session:
        intake.change_pledge(session, changed(offered(kind="training", **MIXED)))
    enter(database, need_of(JOB), need_of(LESSON))
    assert proposals(database) == [LESSON]


def test_unfit_items_are_those_of_another_kind() -> None:
    known = {"a.job": "job", "a.lesson": "training", "b.lesson": "training", "ab.job": "job"}
    assert find_unfit(Pledged("a", "person", "training"), known) == ["a.job"]
    assert find_unfit(Pledged("a", "person", None), known) == ["a.job", "a.lesson"]
    assert find_unfit(Pledged("a.job", "person", None), known) == []
    assert find_unfit(Pledged("b", "person", "job"), known) == ["b.lesson"]
    assert find_unfit(Pledged("unheard.of", "person", "job"), known) == []
