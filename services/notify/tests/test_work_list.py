"""A village's work list on paper: for its own administrator, with names from users' door, and told afterwards line by line."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, Response, jsonify, request
from sqlalchemy import select
from werkzeug.serving import make_server

from chassis.data.audit_log import AuditEntry
from chassis.data.database import new_id, now
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchAccepted, MatchSent
from notify.messages import actions
from notify.messages.model import Message
from notify.templates.speaking import Speaker
from notify.work_list import api, names, paper, queries
from notify.work_list.names import Named, Names

from .conftest import example, write_notices

VILLAGE = "510903001001"
PAPER, TELLING = "/v1/work-list/paper", "/v1/work-list/telling"


class Door:
    """A server that plays users' door for names: what it answers, and with which token it was asked for whom."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, set[str]]] = []
        self.answer: Any = lambda ids: {"items": [{"id": one, "name": "欧阳守田", "address": "三组 12 号"} for one in ids], "place": None}
        app = Flask(__name__)
        app.add_url_rule("/internal/contacts/names", view_func=self._answer, methods=["POST"])
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _answer(self) -> Response:
        body = request.get_json()
        assert body["purpose"] == "work_list"
        self.asked.append((request.headers["Authorization"], set(body["ids"])))
        found = self.answer(body["ids"])
        return found if isinstance(found, Response) else jsonify(found)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    found = Door()
    monkeypatch.setenv("USERS_URL", f"http://127.0.0.1:{found.server.server_port}")
    yield found
    found.server.shutdown()
    found.server.server_close()


def listed(database: RolledBack, region: str = VILLAGE, event: Any = MatchAccepted, **changes: Any) -> UUID:
    """Put a line for a new household onto the work list of a village; return the line's id."""
    household: UUID = changes.pop("household_id", None) or new_id()
    write_notices(database, example(event, match_id=new_id(), household_id=household, account_id=None, region=region, **changes))
    with database.begin() as session:
        session.execute(Message.__table__.delete().where(Message.region.is_(None)))
        for claimed in actions.claim(session, 10):
            actions.fail(session, claimed, "permanent-failure", "no_address")
        lines = select(Message.id).where(Message.recipient_id == household, Message.channel == "work_list").order_by(Message.id.desc())
        found: UUID = session.scalars(lines).first()  # type: ignore[assignment]
        return found


def test_own_administrator_prints_the_work_list(client: Client, database: RolledBack, door: Door) -> None:
    line = listed(database)
    by = administrator_of(database, VILLAGE)
    answer = client.post(PAPER, {"region": VILLAGE}, by=by)
    assert (answer.status_code, answer.content_type, answer.headers["Cache-Control"]) == (201, "application/pdf", "no-store")
    assert answer.data.startswith(b"%PDF-")
    with database.begin() as session:
        household = session.get_one(Message, line).recipient_id
        looks = session.scalars(select(AuditEntry).where(AuditEntry.act == "print_work_list")).all()
    [(token, asked)] = door.asked
    assert token.startswith("Bearer ")
    assert asked == {str(household)}
    assert [(one.actor_id, one.person_id, one.subject_id, one.region) for one in looks] == [(by.id, household, line, VILLAGE)]


@pytest.mark.parametrize(
    "guard",
    [
        queries.get_work_list,
        unguarded(
            altered(queries.get_work_list, "region not in caller.regions", "not caller.manages(region)"), "the township reads names too"
        ),
    ],
)
def test_work_list_with_names_is_for_its_own_village(
    client: Client, database: RolledBack, door: Door, guard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "get_work_list", guard)
    listed(database)
    for theirs in ("510903001002", VILLAGE[:9], VILLAGE[:6], ""):
        refused = client.post(PAPER, {"region": VILLAGE}, by=administrator_of(database, theirs))
        assert (refused.status_code, door.asked) == (403, [])


def test_work_list_of_a_village_without_lines_is_empty(client: Client, database: RolledBack, door: Door) -> None:
    listed(database, "510903001002")
    answer = client.post(PAPER, {"region": VILLAGE}, by=administrator_of(database, VILLAGE))
    assert (answer.status_code, door.asked) == (201, [])
    assert client.post(PAPER, {"region": VILLAGE}, by=Person("household")).status_code == 403
    assert client.post(PAPER, {}, by=administrator_of(database, VILLAGE)).status_code == 422


def test_work_list_waits_while_users_is_away(client: Client, database: RolledBack, door: Door) -> None:
    listed(database)
    by = administrator_of(database, VILLAGE)
    for answer in (Response(status=503), Response("<html>", 200), Response(status=302, headers={"Location": "http://127.0.0.1:1/"})):
        door.answer = lambda ids, answer=answer: answer
        refused = client.post(PAPER, {"region": VILLAGE}, by=by)
        assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "unavailable", "5")
    with database.begin() as session:
        assert not session.scalars(select(AuditEntry).where(AuditEntry.act == "print_work_list")).all()


def test_paper_names_each_household_with_its_lines(database: RolledBack) -> None:
    household, gone = new_id(), new_id()
    listed(database, household_id=household)
    urgent = listed(database, event=MatchSent, household_id=household)
    listed(database, household_id=gone)
    with database.begin() as session:
        person = administrator_of(database, VILLAGE)
        found = queries.get_work_list(session, caller_of(session, person), VILLAGE)
        named = Names([Named(household, "欧阳守田", "三组 12 号", "13800000000", "neighbour")])
        speaker = Speaker.of(session, [entry.notice for entry in found.entries])
        stated = paper.describe_list(found, named, speaker, "猫山村", "https://duijie.example.org", now())
    first, second = stated["households"]
    assert (first["name"], first["address"], first["telephone"]) == ("欧阳守田", "三组 12 号", "13800000000 邻居代接")
    assert {line["title"] for line in first["lines"]} == {"有人答应帮助了", "帮助正在路上"}
    assert str(urgent)[-6:].upper() in {line["number"] for line in first["lines"]}
    assert all(line["is_urgent"] for line in first["lines"])
    assert (second["name"], second["telephone"]) == ("（已不在本村登记）", "")
    assert (stated["lines"], stated["more"]) == (3, 0)


def test_list_is_bounded_and_counts_the_rest(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST", 2)
    lines = [listed(database) for _ in range(3)]
    with database.begin() as session:
        found = queries.get_work_list(session, caller_of(session, administrator_of(database, VILLAGE)), VILLAGE)
    assert ([one.message.id for one in found.entries], found.more) == (lines[:2], 1)


@pytest.mark.parametrize("name", ["#set page(fill: red)", "<b>甲</b>", "$x$ *甲* \\", '"]; panic()', "甲" * 60])
def test_names_cannot_change_the_document(name: str) -> None:
    """A name is a value, never markup."""
    stated = {
        "village": name, "printed": name, "lines": 1, "more": 0, "place": {"name": name, "address": name, "hours": name, "telephone": None},
        "platform": name,
        "households": [{"name": name, "address": name, "telephone": name, "lines": [
            {"title": name, "text": name, "is_urgent": True, "since": name, "number": name}]}],
    }  # fmt: skip
    assert paper.set_document(paper.load_template(), stated, at=now() - timedelta(days=1)).startswith(b"%PDF-")


def test_lines_are_told_together_after_a_round(client: Client, database: RolledBack) -> None:
    lines = [str(listed(database)) for _ in range(2)]
    by = administrator_of(database, VILLAGE)
    elsewhere = str(listed(database, "510703001001"))
    assert client.post(TELLING, {"ids": [*lines, elsewhere]}, by=by).status_code == 404, "and none of them is told"
    assert len(client.get("/v1/work-list", by=by).json["items"]) == 2
    told = client.post(TELLING, {"ids": [*lines, lines[0]]}, by=by)
    assert (told.status_code, told.json) == (201, {"told": 2})
    assert client.post(TELLING, {"ids": lines}, by=by).json == {"told": 0}
    assert client.get("/v1/work-list", by=by).json["items"] == []
    with database.begin() as session:
        told_lines = session.scalars(select(AuditEntry.subject_id).where(AuditEntry.act == "tell_household", AuditEntry.outcome == "done"))
        assert sorted(map(str, told_lines)) == sorted(lines)
    for wrong in ({"ids": []}, {"ids": ["x"]}, {"ids": [lines[0]] * 201}, {}):
        assert client.post(TELLING, wrong, by=by).status_code == 422


def caller_of(session: Any, person: Person) -> Any:
    return api.Caller(person.id, "staff", session)


def test_names_have_no_readable_form() -> None:
    """What a log or a traceback shows of a name."""
    assert "欧阳" not in repr(names.Names([Named(new_id(), "欧阳守田")]))
