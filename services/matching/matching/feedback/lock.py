"""Locks of matches for acts of feedback."""

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from matching.book.lock import lock_for_action
from matching.book.model import Match
from matching.feedback import rules
from matching.feedback.model import Feedback
from matching.feedback.queries import load_feedback


def lock_for_feedback(session: Session, caller: Caller, match_id: UUID, act: str) -> tuple[Match, Feedback]:
    """Lock a match for an act of the caller, then load its feedback.

    Raises `not_found`, `stale`, or the problem that keeps the caller from the act.
    """
    # The rule needs the feedback, which is read once the match is locked.
    match = lock_for_action(session, caller, match_id, act, rule=lambda *_: None)
    feedback = load_feedback(session, match)
    if problem := rules.find_feedback_problem(act, caller, match, feedback):
        raise problem
    return match, feedback
