"""Thanks: written by the household's side for what arrived, read by the giver once an administrator has released them."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload, undefer

from chassis.data.appointments import managers_of
from chassis.data.database import below, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.messaging import outbox
from chassis.problems import not_found
from matching.book.lock import lock_for_action
from matching.book.model import Match
from matching.book.queries import is_own_match
from matching.book.rules import HOUSEHOLD
from matching.feedback import rules
from matching.feedback.events import thanks_given, thanks_refused, thanks_written
from matching.feedback.model import Thanks
from matching.feedback.problems import unknown_photo
from matching.feedback.queries import load_feedback
from matching.feedback.rules import Managers


def thank_giver(session: Session, caller: Caller, match_id: UUID, text: str, photo_id: UUID | None = None) -> Thanks:
    """Raises `unknown_photo` for one that was not added to go with the thanks of this match."""
    match = lock_for_action(
        session, caller, match_id, "thank_giver", rule=lambda *asked: rules.find_problem(*asked, load_feedback(session, asked[-1]))
    )
    feedback = load_feedback(session, match)
    if photo_id and photo_id not in {photo.id for photo in rules.select_current_photos(feedback, HOUSEHOLD, "thanks")}:
        raise unknown_photo()
    thanks = Thanks(match=match, version=1, author_id=caller.id, text=text, photo_id=photo_id, state="waiting", written_at=now())
    session.add(thanks)
    session.flush()
    outbox.add(session, thanks_written(thanks))
    return thanks


def release_thanks(session: Session, caller: Caller, thanks_id: UUID) -> Thanks:
    """The giver may read them from now on."""
    thanks = _decide(session, caller, thanks_id, "released", None)
    outbox.add(session, thanks_given(thanks))
    return thanks


def refuse_thanks(session: Session, caller: Caller, thanks_id: UUID, reason: str) -> Thanks:
    """The giver never sees them; the household's side may write anew."""
    thanks = _decide(session, caller, thanks_id, "refused", reason)
    outbox.add(session, thanks_refused(thanks))
    return thanks


def _decide(session: Session, caller: Caller, thanks_id: UUID, state: str, reason: str | None) -> Thanks:
    find_visible_thanks(session, caller, thanks_id)
    thanks = session.get_one(Thanks, thanks_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, thanks)
    if refusal := rules.find_decision_problem(caller, thanks, load_managers(session, caller, [thanks])):
        raise refusal
    thanks.state, thanks.reason, thanks.version = state, reason, thanks.version + 1
    thanks.decided_by, thanks.decided_at = caller.id, now()
    session.flush()
    return thanks


def load_managers(session: Session, caller: Caller, several: list[Thanks]) -> Managers:
    """Who manages the regions of those that the caller wrote and that wait, in one query if there are any."""
    regions = {thanks.match.region for thanks in several if thanks.author_id == caller.id and thanks.state == "waiting"}
    return managers_of(session, regions) if regions and caller.regions else {}


def find_visible_thanks(session: Session, caller: Caller, thanks_id: UUID) -> Thanks:
    query = _whole().where(Thanks.id == thanks_id, or_(_is_own(caller), caller.within(Match.region)))
    thanks: Thanks | None = session.scalars(query).first()
    if thanks is None:
        raise not_found()
    return thanks


def list_own_thanks(session: Session, caller: Caller, state: str | None = None, **paging: Any) -> dict[str, Any]:
    """What the caller was thanked, and what their household or they for one have written."""
    return _page(session, _whole().where(_is_own(caller)), state, **paging)


def list_managed_thanks(session: Session, caller: Caller, region: str = "", state: str | None = None, **paging: Any) -> dict[str, Any]:
    query = _whole().where(caller.within(Match.region))
    return _page(session, query.where(below(Match.region, region)) if region else query, state, **paging)


def _page(session: Session, query: Select[Any], state: str | None, **paging: Any) -> dict[str, Any]:
    return page(session, query.where(Thanks.state == state) if state else query, Thanks.id, **paging)


def _whole() -> Select[Any]:
    return select(Thanks).join(Thanks.match).options(undefer(Thanks.text), joinedload(Thanks.match))


def _is_own(caller: Caller) -> Any:
    return is_own_match(caller) & or_(Match.pledger_id != caller.id, Thanks.state == "released")
