"""Write thanks for what arrived; release them to the giver or refuse them."""

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from matching.book.rules import HOUSEHOLD
from matching.feedback import rules
from matching.feedback.events import thanks_given, thanks_refused, thanks_written
from matching.feedback.lock import lock_for_feedback
from matching.feedback.model import Thanks
from matching.feedback.problems import unknown_photo
from matching.feedback.queries import get_visible_thanks, load_managers


def thank_giver(session: Session, caller: Caller, match_id: UUID, text: str, photo_id: UUID | None = None) -> Thanks:
    """Write thanks for the household's side. Raises `unknown_photo` unless the photo was added for the thanks of this match."""
    match, feedback = lock_for_feedback(session, caller, match_id, "thank_giver")
    if photo_id and photo_id not in {photo.id for photo in rules.select_current_photos(feedback, HOUSEHOLD, "thanks")}:
        raise unknown_photo()
    thanks = Thanks(match=match, version=1, author_id=caller.id, text=text, photo_id=photo_id, state="waiting", written_at=now())
    session.add(thanks)
    session.flush()
    outbox.add(session, thanks_written(thanks))
    return thanks


def release_thanks(session: Session, caller: Caller, thanks_id: UUID) -> Thanks:
    """Release thanks: the giver may read them from now on."""
    thanks = _decide(session, caller, thanks_id, "released", None)
    outbox.add(session, thanks_given(thanks))
    return thanks


def refuse_thanks(session: Session, caller: Caller, thanks_id: UUID, reason: str) -> Thanks:
    """Refuse thanks: the giver never sees them, and the household's side may write others."""
    thanks = _decide(session, caller, thanks_id, "refused", reason)
    outbox.add(session, thanks_refused(thanks))
    return thanks


def _decide(session: Session, caller: Caller, thanks_id: UUID, state: str, reason: str | None) -> Thanks:
    get_visible_thanks(session, caller, thanks_id)
    thanks = session.get_one(Thanks, thanks_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, thanks)
    if problem := rules.find_decision_problem(caller, thanks, load_managers(session, caller, [thanks])):
        raise problem
    thanks.state, thanks.reason, thanks.version = state, reason, thanks.version + 1
    thanks.decided_by, thanks.decided_at = caller.id, now()
    session.flush()
    return thanks
