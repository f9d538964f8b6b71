"""The figures of published needs: told once for several changes, and to everybody only while everybody may see the need."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import TextClause

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import altered_sql, unguarded
from contracts.generate import example_of
from contracts.matching import MatchAccepted, MatchProposed
from contracts.needs import NeedFiguresChanged
from needs import actions as needs
from needs.figures import actions
from needs.reports import rules

from .conftest import VILLAGE, household_in, pending, rice


@pytest.fixture
def account(database: RolledBack) -> Person:
    person = Person("household")
    household_in(database, VILLAGE, person)
    return person


@pytest.fixture
def posted(client: Client, account: Person) -> str:
    return f"/v1/needs/{client.post('/v1/needs', rice(), by=account).json['id']}"


@pytest.fixture
def need(client: Client, posted: str, town: Person) -> str:
    assert client.post(f"{posted}/verification", by=town).status_code == 201
    return posted


def told(database: RolledBack) -> list[NeedFiguresChanged]:
    """Publish what changed; return all figures that were told so far."""
    with database.begin() as session:
        actions.publish_changed_figures(session)
    return [event for event in pending(database) if isinstance(event, NeedFiguresChanged)]


def heard(database: RolledBack, need: str, *kinds: type[Any], quantity: int = 10) -> None:
    ids = {"need_id": UUID(need[-36:]), "match_id": new_id(), "quantity": quantity}
    with database.begin() as session:
        for version, kind in enumerate(kinds, 1):
            needs.record_matches(session, [replace(example_of(kind), **ids, version=version)])


def test_waiting_need_tells_no_figures(client: Client, database: RolledBack, posted: str) -> None:
    assert told(database) == []


def test_published_need_tells_figures_as_it_shows_them(client: Client, database: RolledBack, need: str, account: Person) -> None:
    assert len(told(database)) == 1
    heard(database, need, MatchProposed, MatchAccepted)
    heard(database, need, MatchProposed, quantity=5)
    first, second = told(database)
    shown = client.get(need).json
    figures = ("state", "unit", "quantity", "accepted", "proposed", "delivered")
    assert {name: getattr(second, name) for name in figures} == {name: shown[name] for name in figures}
    assert (first.accepted, first.proposed) == (0, 0)
    assert (second.version, second.accepted, second.proposed) == (2, 10, 5)
    assert (second.account_id, second.region, second.is_public) == (account.id, VILLAGE, True)
    assert told(database) == [first, second], "what did not change is not told again"


HIDDEN = " AND NOT hidden"
SEEN = "state = ANY(CAST(:public AS text[]))"


@pytest.mark.parametrize("store", [actions._STORE, unguarded(altered_sql(actions._STORE, HIDDEN), "a hidden need would count as public")])
def test_hidden_need_is_not_public_until_it_is_cleared(
    client: Client, database: RolledBack, need: str, town: Person, monkeypatch: pytest.MonkeyPatch, store: TextClause
) -> None:
    monkeypatch.setattr(actions, "_STORE", store)
    for _ in range(rules.HIDING):
        client.post(f"{need}/report", {"reason": "absurd"}, by=Person("donor"))
    assert client.get(need).status_code == 404
    assert [event.is_public for event in told(database)] == [False]
    assert client.post(f"{need}/reports/clearing", by=town).status_code == 201
    assert [event.is_public for event in told(database)] == [False, True]


@pytest.mark.parametrize(
    "store", [actions._STORE, unguarded(altered_sql(actions._STORE, SEEN, "true"), "a withdrawn need would be public")]
)
def test_withdrawn_need_is_not_public(
    client: Client, database: RolledBack, need: str, account: Person, monkeypatch: pytest.MonkeyPatch, store: TextClause
) -> None:
    monkeypatch.setattr(actions, "_STORE", store)
    told(database)
    assert client.post(f"{need}/withdrawal", by=account).status_code == 201
    assert client.get(need).status_code == 404
    last = told(database)[-1]
    assert (last.state, last.is_public) == ("withdrawn", False)
