"""Reliability classes on open pledges: updated by new and faded events, and read by clearing first."""

import random
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import now
from chassis.testing.fixtures import Person, RolledBack
from contracts.matching import MatchProposed
from matching.clearing import candidates
from matching.intake import actions
from matching.reliability import classes
from matching.reliability.rules import HALF_LIFE, NO_SHOW, forward_weight

from .conftest import clear, offered, published, told
from .test_reliability import settle


def noted(database: RolledBack, person: Person, bad: float) -> None:
    """So much against somebody, from a match of long ago."""
    with database.begin() as session:
        query = text("INSERT INTO reliabilities (person_id, good, bad, class, settle_at) VALUES (:id, 0, :bad, 3, now())")
        session.execute(query, {"id": person.id, "bad": bad * forward_weight(now())})


def class_on(database: RolledBack, pledge: Any) -> int:
    with database.begin() as session:
        return int(session.scalar(text("SELECT reliability FROM pledges WHERE id = :id"), {"id": pledge.pledge_id}) or 0)


def test_old_and_new_pledges_bear_their_pledgers_class(database: RolledBack) -> None:
    doubtful, other = Person("donor"), Person("donor")
    there, others = offered(pledger_id=doubtful.id), offered(pledger_id=other.id)
    with database.begin() as session:
        actions.book_pledges(session, [there, others])
    noted(database, doubtful, 2 * NO_SHOW)
    assert (settle(database), settle(database)) == (1, 0)
    to_come = offered(pledger_id=doubtful.id)
    with database.begin() as session:
        actions.book_pledges(session, [to_come])
    assert [class_on(database, pledge) for pledge in (there, others, to_come)] == [1, 3, 1]


def test_a_pledge_entered_meanwhile_is_found_at_the_second_look(database: RolledBack) -> None:
    doubtful = Person("donor")
    noted(database, doubtful, 2 * NO_SHOW)
    assert settle(database) == 1
    pledge = offered(pledger_id=doubtful.id)
    with database.begin() as session:
        actions.book_pledges(session, [pledge])
        session.execute(text("UPDATE pledges SET reliability = 3"))
        session.execute(text("UPDATE reliabilities SET settle_at = settle_at - :pause"), {"pause": classes.RECHECK_AFTER})
    assert settle(database) == 1
    assert class_on(database, pledge) == 1


def test_a_class_is_looked_at_again_when_its_marks_have_faded(database: RolledBack) -> None:
    doubtful = Person("donor")
    pledge = offered(pledger_id=doubtful.id)
    with database.begin() as session:
        actions.book_pledges(session, [pledge])
    noted(database, doubtful, 2 * NO_SHOW)
    for _ in range(2):
        with database.begin() as session:
            session.execute(text("UPDATE reliabilities SET settle_at = now()"))
        settle(database)
    with database.begin() as session:
        moment = session.scalar(text("SELECT settle_at FROM reliabilities"))
        assert moment is not None
        assert timedelta(days=20) < moment - now() < HALF_LIFE
        session.execute(text("UPDATE reliabilities SET bad = bad / 4, settle_at = now()"))
    settle(database)
    assert class_on(database, pledge) == 2


def test_reliable_pledge_comes_before_many_older_ones(database: RolledBack) -> None:
    doubtful = [Person("donor") for _ in range(3)]
    with database.begin() as session:
        actions.book_pledges(session, [offered(pledger_id=person.id, quantity=1) for person in doubtful for _ in range(100)])
    for person in doubtful:
        noted(database, person, 4 * NO_SHOW)
    settle(database)
    late = offered(quantity=50)
    with database.begin() as session:
        actions.book_pledges(session, [late])
        actions.book_needs(session, [published(quantity=50)])
    assert clear(database) == 1
    assert told(database, MatchProposed)[-1].pledge_id == late.pledge_id


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="reading the oldest first, a clearing misses the reliable pledge behind them")
def test_by_age_alone_the_reliable_one_is_not_seen(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOOKS:
        monkeypatch.setattr(candidates, name, text(str(getattr(candidates, name)).replace("reliability DESC, ", "")))
    test_reliable_pledge_comes_before_many_older_ones(database)


def worth(database: RolledBack, county: str, seed: int, monkeypatch: pytest.MonkeyPatch, **instead: str) -> int:
    """Return the total value of one clearing of a random county, with its own reading of pledges or another one."""
    chance = random.Random(seed)
    villages = [f"{county}00100{number}" for number in range(1, 4)]
    items = ["food.rice", "food.oil", "clothing.quilt"]
    needs = [published(region=chance.choice(villages), category=chance.choice(items), quantity=chance.randint(1, 5)) for _ in range(25)]
    scopes, wanted = [county, county[:4], *villages], [*items, "food"]
    pledges = [offered(region=chance.choice(scopes), category=chance.choice(wanted), quantity=chance.randint(1, 4)) for _ in range(150)]
    assert all(LOOK[written] in "".join(LOOKS.values()) for written in instead)
    for name, look in LOOKS.items():
        otherwise = reduce(lambda statement, written: statement.replace(LOOK[written], instead[written]), instead, look)
        monkeypatch.setattr(candidates, name, text(otherwise))
    with database.begin() as session:
        actions.book_pledges(session, pledges)
        actions.book_needs(session, needs)
        session.execute(text("DELETE FROM to_clear WHERE side = 'pledge'"))
        levels = [{"id": pledge.pledge_id, "level": chance.randrange(5)} for pledge in pledges]
        session.execute(text("UPDATE pledges SET reliability = :level WHERE id = :id"), levels)
        refused = [{"id": pledge.pledge_id, "item": chance.choice(items)} for pledge in pledges if pledge.category == "food"]
        session.execute(text("UPDATE pledges SET not_for = ARRAY[:item] WHERE id = :id"), refused)
    assert clear(database) > 10
    with database.begin() as session:
        query = text("SELECT sum(score * quantity) FROM matches WHERE region LIKE :county")
        return int(session.scalar(query, {"county": f"{county}%"}) or 0)


LOOK = {"first": "LIMIT 1\n", "limit": "least(200, key.demand)", "until": "before < key.demand", "order": "reliability DESC, "}
LOOKS = {name: str(getattr(candidates, name)) for name in ("_FIRST", "_TAKE")}
EVERYTHING = {"first": "LIMIT 200", "limit": "200", "until": "true"}


@pytest.mark.parametrize("seed", range(6))
def test_reading_reliable_pledges_up_to_the_demand_loses_nothing(database: RolledBack, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    everything = worth(database, "510722", seed, monkeypatch, **EVERYTHING)
    assert worth(database, "510903", seed, monkeypatch) == everything


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="reading the oldest first, more reliable pledges behind the demand are missed"
)
@pytest.mark.parametrize("seed", range(2))
def test_looking_at_the_oldest_first_misses_something(database: RolledBack, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    everything = worth(database, "510722", seed, monkeypatch, **EVERYTHING)
    assert worth(database, "510903", seed, monkeypatch, order="") == everything


def test_who_is_due_is_found_by_index_however_many_are_known(database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        session.execute(text("SET LOCAL enable_bitmapscan = off"))
        plan = session.scalars(text(f"EXPLAIN {classes._DUE}"), {"at": now(), "limit": 500}).all()
    assert any("Index Cond: (settle_at <=" in line for line in plan), plan
