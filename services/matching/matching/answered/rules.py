"""Rules for answers by SMS about matches: whose they are, and which a telephone may give."""

from uuid import UUID

from chassis.problems import Problem, not_allowed, state_conflict
from contracts.notify import QuestionAnswered
from matching.book.model import Match
from matching.book.rules import GIVER, HOUSEHOLD

ACTS = {
    ("proposal", "accept"): "accept_match",
    ("proposal", "refuse"): "refuse_match",
    ("promise", "accept"): "welcome_match",
    ("promise", "refuse"): "decline_match",
    ("arrival", "not_received"): "dispute_match",
}
"""The act for each answer. All but `welcome_match` are operations of the API; its rules judge them."""
OF_ANY_TELEPHONE = frozenset({"welcome_match", "decline_match"})
"""The acts of a telephone that is shared, or a neighbour's. A dispute is none of them."""
WELCOME_STATES = ("accepted", "sent")


def side_of_question(event: QuestionAnswered) -> str:
    """Return the side that a question asks."""
    return GIVER if event.asked == "proposal" else HOUSEHOLD


def find_answer_problem(event: QuestionAnswered, match: Match) -> Problem | None:
    """Return the problem of an answer before any act: somebody else's match, the wrong telephone, another answer."""
    act = ACTS.get((event.asked, event.answer))
    people = {match.pledger_id} if event.asked == "proposal" else {match.household_id, match.account_id}
    if act is None or event.person_id not in people:
        return not_allowed()
    if event.telephone != "own" and act not in OF_ANY_TELEPHONE:
        return not_allowed()
    is_changed = act == "welcome_match" and match.state not in WELCOME_STATES
    return state_conflict(state=match.state) if is_changed else None


def actor_of(event: QuestionAnswered, match: Match) -> UUID:
    """Return the id under which an answer acts: the giver, the household's account, or the household without one."""
    return match.pledger_id if event.asked == "proposal" else match.account_id or match.household_id
