"""Rules for answers by SMS about needs: which of them a telephone may give, and to what."""

from uuid import UUID

from chassis.http.versions import stale
from chassis.problems import Problem, not_allowed, state_conflict
from contracts.notify import QuestionAnswered
from needs.consents.rules import BY_SMS
from needs.model import Need

ACTS = {("consent", "accept"): "consent_to_need", ("consent", "refuse"): "withdraw_need", ("renewal", "renew"): "renew_need"}
"""The act for each answer. Renewal and withdrawal are operations of the API; its rules judge them."""


def find_answer_problem(event: QuestionAnswered, need: Need) -> Problem | None:
    """Return the problem of an answer before any act: the wrong telephone, somebody who is not the household, or another answer."""
    if event.telephone != "own" or event.person_id not in {need.household_id, need.account_id}:
        return not_allowed()
    return None if (event.asked, event.answer) in ACTS else not_allowed()


def find_consent_problem(event: QuestionAnswered, need: Need) -> Problem | None:
    """Return the problem of an answer about consent, or None: the need waits for it, and is the one that was asked about."""
    if need.consent != BY_SMS or need.state != "posted":
        return state_conflict(state=need.state)
    return stale() if need.stage_version != event.about_version else None


def side_of(need: Need) -> UUID:
    """Return the id under which the household acts: its account, or its own."""
    return need.account_id or need.household_id
