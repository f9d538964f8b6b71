"""Answers by SMS about matches: each acts as whoever was asked, by the rules of the API, once."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold
from chassis.testing.twins import altered, unguarded
from contracts.generate import example_of
from contracts.matching import DisputeOpened, MatchAccepted, MatchAnswerJudged, MatchDeclined, MatchProposed, MatchRefused
from contracts.notify import QuestionAnswered
from matching.answered import actions, rules
from matching.book.model import Match
from matching.intake import actions as intake
from matching.snapshots import SNAPSHOTS
from matching.worker import Worker

from .conftest import VILLAGE, clear, offered, published, told


class Asked:
    """A proposal for a household without an account, and whoever may be asked about it."""

    def __init__(self, client: Client, database: RolledBack, giver: Person | None = None, offered_by: str | None = "donor") -> None:
        self.client, self.database = client, database
        self.agent, self.giver = administrator_of(database, VILLAGE), giver or Person("donor")
        self.need = published(poster_id=self.agent.id)
        self.pledge = offered(pledger_id=self.giver.id, pledger_kind=offered_by)
        with database.begin() as session:
            intake.book_needs(session, [self.need])
            intake.book_pledges(session, [self.pledge])
        clear(database)
        self.match_id = told(database, MatchProposed)[-1].match_id
        self.household: UUID = self.need.household_id

    def answers(self, asked: str, said: str, person: UUID | None = None, **changes: Any) -> QuestionAnswered:
        person = person or (self.giver.id if asked == "proposal" else self.household)
        stated = {"question_id": new_id(), "about": self.match_id, "about_version": 1, "person_id": person, "telephone": "own"}
        event = replace(example_of(QuestionAnswered), asked=asked, answer=said, **stated | changes)
        self.hear(event)
        return event

    def hear(self, event: QuestionAnswered) -> None:
        with self.database.begin() as session:
            Worker().on_question_answered(session, event)

    def judged(self) -> list[tuple[str, str, str | None]]:
        return [(event.answer, event.outcome, event.problem) for event in told(self.database, MatchAnswerJudged)]

    def state(self) -> str:
        return str(self.client.get(f"/v1/matches/{self.match_id}", by=self.agent).json["state"])

    def send(self) -> None:
        body = {"carrier": "sf", "tracking_number": "SF1"}
        assert self.client.post(f"/v1/matches/{self.match_id}/sending", body, by=self.giver).status_code == 201


@pytest.fixture
def asked(client: Client, database: RolledBack) -> Asked:
    return Asked(client, database)


def test_giver_accepts_by_an_answer(asked: Asked, database: RolledBack) -> None:
    asked.answers("proposal", "accept")
    assert (asked.judged(), asked.state()) == ([("accept", "done", None)], "accepted")
    [event] = told(database, MatchAnswerJudged)
    assert (event.side, event.person_id) == ("giver", asked.giver.id)
    assert len(told(database, MatchAccepted)) == 1
    assert_retold(database, SNAPSHOTS)


KIND = unguarded("_find_kind(session, match)", "without it, every giver who answers by SMS counts as a donor")


@pytest.mark.parametrize("change", [None, KIND])
@pytest.mark.parametrize(("offered_by", "accepted_as"), [("organisation", None), (None, "merchant")])
def test_giver_who_answers_keeps_their_kind(
    client: Client,
    database: RolledBack,
    monkeypatch: pytest.MonkeyPatch,
    change: str | None,
    offered_by: str | None,
    accepted_as: str | None,
) -> None:
    """The kind is that of the offer, or, of one before that was said, of the last acceptance."""
    if change:
        monkeypatch.setattr(actions, "_caller_of", altered(actions._caller_of, change, "None"))
    giver = Person(offered_by or accepted_as or "")
    if accepted_as:
        earlier = Asked(client, database, giver, None)
        assert client.post(f"/v1/matches/{earlier.match_id}/acceptance", {}, by=giver).status_code == 201
    asked = Asked(client, database, giver, offered_by)
    asked.answers("proposal", "accept")
    with database.begin() as session:
        assert session.get_one(Match, asked.match_id).giver_kind == giver.kind


def test_giver_refuses_by_an_answer(asked: Asked, database: RolledBack) -> None:
    asked.answers("proposal", "refuse")
    assert asked.judged() == [("refuse", "done", None)]
    assert [event.reason for event in told(database, MatchRefused)] == ["other"]


def test_household_accepts_a_promise(asked: Asked, database: RolledBack) -> None:
    asked.answers("proposal", "accept")
    asked.answers("promise", "accept")
    assert (asked.judged()[-1], asked.state()) == (("accept", "done", None), "accepted")
    assert told(database, MatchAnswerJudged)[-1].side == "household"


@pytest.mark.parametrize("telephone", ["own", "shared", "neighbour"])
def test_household_declines_a_promise(asked: Asked, database: RolledBack, telephone: str) -> None:
    asked.answers("proposal", "accept")
    asked.answers("promise", "refuse", telephone=telephone)
    assert (asked.judged()[-1], asked.state()) == (("refuse", "done", None), "declined")
    [event] = told(database, MatchDeclined)
    assert (event.reason, event.was_accepted) == ("not_needed", True)


def test_household_says_that_nothing_arrived(asked: Asked, database: RolledBack) -> None:
    asked.answers("proposal", "accept")
    asked.send()
    asked.answers("arrival", "not_received")
    assert asked.judged()[-1] == ("not_received", "done", None)
    [event] = told(database, DisputeOpened)
    assert (event.cause, event.side) == ("not_arrived", "household")
    asked.answers("arrival", "not_received")
    assert asked.judged()[-1] == ("not_received", "refused", "already_disputed")


@pytest.mark.parametrize("telephone", ["shared", "neighbour"])
@pytest.mark.parametrize(
    "guard",
    [None, unguarded('event.telephone != "own" and act not in OF_ANY_TELEPHONE', "without it a neighbour opens a dispute for a household")],
)
def test_shared_telephone_disputes_nothing(
    asked: Asked, database: RolledBack, telephone: str, monkeypatch: pytest.MonkeyPatch, guard: str | None
) -> None:
    if guard:
        monkeypatch.setattr(rules, "find_answer_problem", altered(rules.find_answer_problem, guard, "False"))
    asked.answers("proposal", "accept")
    asked.send()
    asked.answers("arrival", "not_received", telephone=telephone)
    assert asked.judged()[-1] == ("not_received", "refused", "not_allowed")
    assert told(database, DisputeOpened) == []


@pytest.mark.parametrize("guard", [None, unguarded(" or event.person_id not in people", "without it anybody answers for a household")])
def test_answer_of_somebody_else_is_refused(asked: Asked, monkeypatch: pytest.MonkeyPatch, guard: str | None) -> None:
    if guard:
        monkeypatch.setattr(rules, "find_answer_problem", altered(rules.find_answer_problem, guard))
    asked.answers("proposal", "accept", person=asked.household)
    asked.answers("proposal", "accept", person=new_id())
    assert (asked.judged(), asked.state()) == ([("accept", "refused", "not_allowed")] * 2, "proposed")


def test_answer_is_carried_out_once(asked: Asked) -> None:
    event = asked.answers("proposal", "accept")
    asked.hear(event)
    assert asked.judged() == [("accept", "done", None)]


def test_answer_that_comes_too_late_is_judged_by_the_state(asked: Asked, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE matches SET answer_by = now() - interval '1 second'"))
    asked.answers("proposal", "accept")
    asked.answers("promise", "accept")
    assert asked.judged() == [("accept", "refused", "state_conflict")] * 2
    assert asked.state() == "proposed"


def test_answers_of_one_digit_stand_for_no_other_act(asked: Asked) -> None:
    for question, said in (("proposal", "renew"), ("promise", "not_received"), ("arrival", "accept")):
        asked.answers(question, said)
    assert {(outcome, problem) for _, outcome, problem in asked.judged()} == {("refused", "not_allowed")}
    asked.answers("renewal", "renew")
    asked.answers("proposal", "accept", about=new_id())
    assert len(asked.judged()) == 3


def test_act_by_sms_stands_in_the_audit_log(asked: Asked, database: RolledBack) -> None:
    asked.answers("proposal", "accept")
    asked.answers("promise", "refuse")
    with database.begin() as session:
        acts = ("accept_match", "decline_match")
        found = session.scalars(select(AuditEntry).where(AuditEntry.act.in_(acts)).order_by(AuditEntry.id)).all()
    assert [(one.act, one.actor_id, one.region, one.outcome, one.details["by"]) for one in found] == [
        ("accept_match", asked.giver.id, VILLAGE, "done", "sms"),
        ("decline_match", asked.household, VILLAGE, "done", "sms"),
    ]
