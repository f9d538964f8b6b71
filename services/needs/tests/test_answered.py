"""Answers by SMS about needs: the household consents, takes back and renews by the rules of the API, once."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, assert_retold
from chassis.testing.twins import altered, unguarded
from contracts.generate import example_of
from contracts.needs import NeedAnswerJudged, NeedPosted, NeedRenewed, NeedWithdrawn
from contracts.notify import QuestionAnswered
from needs.answered import rules
from needs.life import actions as life
from needs.review import actions as review
from needs.snapshots import SNAPSHOTS
from needs.worker import Worker

from .conftest import pending, rice
from .test_life import DAYS, pass_days, run, told


@pytest.fixture
def need(client: Client, village: Person, household: UUID) -> str:
    """A need that waits for the answer of a household without an account."""
    posted = client.post("/v1/needs", rice(household_id=str(household), consent="sms_answer"), by=village)
    assert posted.status_code == 201
    return f"/v1/needs/{posted.json['id']}"


def answer(database: RolledBack, need: str, household: UUID, asked: str, said: str, **changes: Any) -> QuestionAnswered:
    """Hear an answer of the household, in the worker's method; return it."""
    stated = {"question_id": new_id(), "about": UUID(need[-36:]), "about_version": 1, "person_id": household, "telephone": "own"}
    event = replace(example_of(QuestionAnswered), asked=asked, answer=said, **stated | changes)
    hear(database, event)
    return event


def hear(database: RolledBack, event: QuestionAnswered) -> None:
    with database.begin() as session:
        Worker().on_question_answered(session, event)


def judged(database: RolledBack) -> list[tuple[str, str, str | None]]:
    return [(event.answer, event.outcome, event.problem) for event in pending(database) if isinstance(event, NeedAnswerJudged)]


def verify(client: Client, need: str, by: Person) -> tuple[int, str]:
    answer = client.post(f"{need}/verification", by=by)
    return answer.status_code, answer.json["state" if answer.status_code == 201 else "code"]


def test_need_waits_for_the_household_s_own_answer(client: Client, database: RolledBack, need: str, household: UUID, town: Person) -> None:
    [posted] = told(database, NeedPosted)
    assert (posted.asks_consent, posted.version) == (True, 1)
    assert verify(client, need, town) == (422, "consent_answer_needed")
    answer(database, need, household, "consent", "accept")
    assert judged(database) == [("accept", "done", None)]
    assert verify(client, need, town) == (201, "published")
    assert_retold(database, SNAPSHOTS, {NeedPosted})


def test_household_that_refuses_takes_the_need_back(
    client: Client, database: RolledBack, need: str, household: UUID, village: Person
) -> None:
    answer(database, need, household, "consent", "refuse")
    assert judged(database) == [("refuse", "done", None)]
    assert client.get(need, by=village).json["state"] == "withdrawn"
    [event] = told(database, NeedWithdrawn)
    assert event.withdrawn_by == household


@pytest.mark.parametrize(
    "guard", [None, unguarded("consents.drop_consent(session, need.id)", "without it a household has agreed to words it never saw")]
)
def test_amended_need_asks_again(
    client: Client,
    database: RolledBack,
    need: str,
    household: UUID,
    village: Person,
    town: Person,
    monkeypatch: pytest.MonkeyPatch,
    guard: str | None,
) -> None:
    if guard:
        monkeypatch.setattr("needs.actions.review.amend_need", altered(review.amend_need, guard))
    answer(database, need, household, "consent", "accept")
    assert client.patch(need, {"quantity": 40}, by=village).status_code == 200
    assert [event.version for event in told(database, NeedPosted)] == [1, 2]
    assert verify(client, need, town) == (422, "consent_answer_needed")
    answer(database, need, household, "consent", "accept")
    assert judged(database)[-1] == ("accept", "refused", "stale"), "it was asked about the need as it was before"
    answer(database, need, household, "consent", "accept", about_version=2)
    assert verify(client, need, town) == (201, "published")


def test_answer_is_carried_out_once(database: RolledBack, need: str, household: UUID) -> None:
    event = answer(database, need, household, "consent", "accept")
    hear(database, event)
    assert judged(database) == [("accept", "done", None)]


@pytest.mark.parametrize("telephone", ["shared", "neighbour"])
@pytest.mark.parametrize("guard", [None, unguarded('event.telephone != "own" or ', "without it a neighbour consents for a household")])
def test_shared_telephone_consents_to_nothing(
    client: Client,
    database: RolledBack,
    need: str,
    household: UUID,
    town: Person,
    telephone: str,
    monkeypatch: pytest.MonkeyPatch,
    guard: str | None,
) -> None:
    if guard:
        monkeypatch.setattr(rules, "find_answer_problem", altered(rules.find_answer_problem, guard))
    answer(database, need, household, "consent", "accept", telephone=telephone)
    assert judged(database) == [("accept", "refused", "not_allowed")]
    assert verify(client, need, town) == (422, "consent_answer_needed")


@pytest.mark.parametrize(
    "guard", [None, unguarded(" or event.person_id not in {need.household_id, need.account_id}", "without it strangers consent")]
)
def test_answer_of_another_household_is_refused(
    database: RolledBack, need: str, monkeypatch: pytest.MonkeyPatch, guard: str | None
) -> None:
    if guard:
        monkeypatch.setattr(rules, "find_answer_problem", altered(rules.find_answer_problem, guard))
    answer(database, need, new_id(), "consent", "accept")
    assert judged(database) == [("accept", "refused", "not_allowed")]


@pytest.mark.parametrize(("asked", "said"), [("consent", "renew"), ("renewal", "accept"), ("consent", "not_received")])
def test_answer_to_another_question_is_refused(database: RolledBack, need: str, household: UUID, asked: str, said: str) -> None:
    answer(database, need, household, asked, said)
    assert judged(database) == [(said, "refused", "not_allowed")]


def test_photo_of_the_slip_stands_in_for_the_answer(database: RolledBack, client: Client, need: str, village: Person, town: Person) -> None:
    from .test_need_photos import add, picture

    assert add(client, need, village, picture(), "consent-photos").status_code == 201
    assert verify(client, need, town) == (201, "published")


def test_household_without_an_account_renews_by_its_answer(
    client: Client, database: RolledBack, need: str, household: UUID, town: Person
) -> None:
    answer(database, need, household, "consent", "accept")
    verify(client, need, town)
    pass_days(database, DAYS - 7)
    run(database, life.remind_of_expiry)
    answer(database, need, household, "renewal", "renew", about_version=3)
    [renewed] = told(database, NeedRenewed)
    assert renewed.renewed_by == household
    with database.begin() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.act.in_(("consent_to_need", "renew_need")))).all()
    assert {(one.act, one.actor_id, one.actor_kind, one.person_id, one.outcome, one.details["by"]) for one in found} == {
        (act, household, "household", household, "done", "sms") for act in ("consent_to_need", "renew_need")
    }


def test_renewal_that_the_rules_refuse_changes_nothing(client: Client, database: RolledBack, need: str, household: UUID) -> None:
    answer(database, need, household, "renewal", "renew")
    assert judged(database) == [("renew", "refused", "state_conflict")]
    with database.begin() as session:
        assert session.scalar(text("SELECT version FROM needs")) == 1
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.act == "renew_need")).all()
    assert entry.outcome == "state_conflict"


def test_answers_about_matches_and_unknown_needs_are_passed_over(database: RolledBack, need: str, household: UUID) -> None:
    answer(database, need, household, "promise", "accept")
    answer(database, f"/v1/needs/{new_id()}", household, "consent", "accept")
    assert judged(database) == []
