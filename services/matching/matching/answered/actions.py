"""Carry out answers by SMS as acts of whoever was asked, each once, and publish what became of them."""

from uuid import UUID

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
from matching.answered import rules
from matching.answered.events import answer_judged
from matching.answered.model import Answer
from matching.book.model import Match, Pledge
from matching.disputes import actions as disputes
from matching.matches.actions import answers

REFUSED_BECAUSE, DECLINED_BECAUSE = "other", "not_needed"
"""The reasons that an answer of one digit stands for."""
NOT_RECEIVED = "短信答复：没有收到。"


def carry_out(session: Session, event: QuestionAnswered) -> None:
    """Do what an answer about a match asks for, as the person by the rules of the API, and publish the outcome.

    A repeated answer does nothing; neither does one about a match that is not known.
    """
    match = session.get(Match, event.about)
    if match is None:
        return
    row = {
        "id": event.question_id,
        "match_id": match.id,
        "household_id": match.household_id,
        "account_id": match.account_id,
        "person_id": event.person_id,
        "side": rules.side_of_question(event),
        "asked": event.asked,
        "answer": event.answer,
        "judged_at": now(),
    }
    if session.scalar(insert(Answer).values(row).on_conflict_do_nothing().returning(Answer.id)) is None:
        return
    answer = session.scalars(select(Answer).where(Answer.id == event.question_id)).one()
    caller = _caller_of(session, event, match)
    region = match.region
    try:
        with session.begin_nested():
            _act(session, caller, event, match)
    except Problem as problem:
        session.expire_all()
        answer.problem = problem.code
    entry = Entry(
        act=rules.ACTS.get((event.asked, event.answer), "answer_by_sms"),
        subject="match",
        subject_id=event.about,
        person_id=caller.id,
        region=region,
        outcome=answer.problem or DONE,
        details={"by": "sms", "question_id": event.question_id},
    )
    audit_log.record(session, caller, entry)
    session.flush()
    outbox.add(session, answer_judged(answer))


def _act(session: Session, caller: Caller, event: QuestionAnswered, asked_about: Match) -> None:
    if problem := rules.find_answer_problem(event, asked_about):
        raise problem
    match rules.ACTS[event.asked, event.answer]:
        case "accept_match":
            answers.accept_match(session, caller, event.about)
        case "refuse_match":
            answers.refuse_match(session, caller, event.about, REFUSED_BECAUSE)
        case "decline_match":
            answers.decline_match(session, caller, event.about, DECLINED_BECAUSE)
        case "dispute_match":
            disputes.dispute_match(session, caller, event.about, "not_arrived", NOT_RECEIVED)


def _caller_of(session: Session, event: QuestionAnswered, match: Match) -> Caller:
    """Return who acts. The kind of a giver is that of whoever offered the pledge, or of their last acceptance if that was not said."""
    actor = rules.actor_of(event, match)
    if rules.side_of_question(event) == "household":
        return Caller(actor, "household", session)
    return Caller(actor, _find_kind(session, match) or "donor", session)


def _find_kind(session: Session, match: Match) -> str | None:
    offered = session.scalar(select(Pledge.pledger_kind).where(Pledge.id == match.pledge_id))
    return offered or _find_kind_of_last_acceptance(session, match.pledger_id)


def _find_kind_of_last_acceptance(session: Session, pledger_id: UUID) -> str | None:
    known = select(Match.giver_kind).where(Match.pledger_id == pledger_id, Match.giver_kind.is_not(None))
    return session.scalars(known.order_by(Match.id.desc()).limit(1)).first()
