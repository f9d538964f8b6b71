"""Carry out answers by SMS as acts of the household, each once, and publish what became of them."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import DONE, Entry
from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import Problem
from contracts.notify import QuestionAnswered
from needs import actions
from needs.answered import rules
from needs.answered.events import answer_judged
from needs.answered.model import Answer
from needs.consents import actions as consents
from needs.model import Need
from needs.reopening import actions as reopening


def carry_out(session: Session, event: QuestionAnswered) -> None:
    """Do what an answer about a need asks for, as the household by the rules of the API, and publish the outcome.

    A repeated answer does nothing; neither does one about a need that is not known.
    """
    need = session.get(Need, event.about)
    if need is None:
        return
    row = {
        "id": event.question_id,
        "need_id": need.id,
        "household_id": need.household_id,
        "account_id": need.account_id,
        "person_id": event.person_id,
        "asked": event.asked,
        "answer": event.answer,
        "judged_at": now(),
    }
    if session.scalar(insert(Answer).values(row).on_conflict_do_nothing().returning(Answer.id)) is None:
        return
    caller = Caller(rules.side_of(need), "household", session)
    answer = session.scalars(select(Answer).where(Answer.id == event.question_id)).one()
    try:
        with session.begin_nested():
            _act(session, caller, event, need)
    except Problem as problem:
        session.expire_all()
        answer.problem = problem.code
    _record(session, caller, event, need.region, answer.problem)
    session.flush()
    outbox.add(session, answer_judged(answer))


def _act(session: Session, caller: Caller, event: QuestionAnswered, need: Need) -> None:
    if problem := rules.find_answer_problem(event, need):
        raise problem
    if event.asked == "consent":
        _answer_consent(session, caller, event)
    else:
        reopening.renew_need(session, caller, event.about)


def _answer_consent(session: Session, caller: Caller, event: QuestionAnswered) -> None:
    """Record the household's consent, or take back what was posted for it."""
    need = session.get_one(Need, event.about, with_for_update={"of": Need}, populate_existing=True)
    if problem := rules.find_consent_problem(event, need):
        raise problem
    if event.answer == "accept":
        consents.record_consent(session, need.id, event.question_id)
    else:
        actions.withdraw_need(session, caller, need.id)


def _record(session: Session, caller: Caller, event: QuestionAnswered, region: str, problem: str | None) -> None:
    """Record the act in the audit log: by the household, from its telephone."""
    entry = Entry(
        act=rules.ACTS.get((event.asked, event.answer), "answer_by_sms"),
        subject="need",
        subject_id=event.about,
        person_id=caller.id,
        region=region,
        outcome=problem or DONE,
        details={"by": "sms", "question_id": event.question_id},
    )
    audit_log.record(session, caller, entry)
