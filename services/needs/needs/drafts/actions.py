"""Actions of drafts: make, change, post, delete, and let them go in time."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from contracts.users import PersonErased
from needs.actions import post_need
from needs.drafts import queries, rules
from needs.drafts.model import Draft
from needs.drafts.problems import too_many_drafts
from needs.limits.actions import lock_person
from needs.model import Need

DELETED_AT_ONCE = 1_000


def make_draft(session: Session, caller: Caller, stated: Mapping[str, Any]) -> Draft:
    """Save a draft with the fields so far. Raises `too_many_drafts`."""
    lock_person(session, caller.id)
    if queries.count_drafts(session, caller.id) >= rules.MOST_DRAFTS:
        raise too_many_drafts(most=rules.MOST_DRAFTS)
    draft = Draft(author_id=caller.id, made_at=now())
    _write(draft, stated)
    session.add(draft)
    session.flush()
    return draft


def change_draft(session: Session, caller: Caller, draft_id: UUID, stated: Mapping[str, Any]) -> Draft:
    """Replace fields of a draft. None takes a field out, but for those in which it means something."""
    draft = _lock_unposted(session, caller, draft_id)
    _write(draft, queries.read_content(draft) | dict(stated))
    draft.version += 1
    session.flush()
    return draft


def post_draft(session: Session, caller: Caller, draft_id: UUID, read: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Need:
    """Post a draft, once. `read` validates its fields as those of a post and raises what is wrong with them.

    Raises `state_conflict` for a posted draft, and what keeps the caller from posting the need.
    """
    draft = _lock_unposted(session, caller, draft_id)
    need = post_need(session, caller, read(queries.read_content(draft)))
    draft.need_id, draft.content, draft.version = need.id, None, draft.version + 1
    session.flush()
    return need


def delete_draft(session: Session, caller: Caller, draft_id: UUID) -> Draft:
    """Delete a draft of the caller, posted or not."""
    draft = queries.get_own_draft(session, caller, draft_id, lock=True)
    versions.check_if_match(session, draft)
    session.delete(draft)
    session.flush()
    return draft


def delete_old_drafts(session: Session) -> None:
    """Delete drafts that nobody changed for long, oldest first."""
    old = select(Draft.id).where(Draft.expires_at <= now()).order_by(Draft.expires_at).limit(DELETED_AT_ONCE)
    ids = session.scalars(old.with_for_update(skip_locked=True)).all()
    session.execute(delete(Draft).where(Draft.id.in_(ids)), execution_options={"synchronize_session": False})


def erase_people(session: Session, events: Sequence[PersonErased]) -> None:
    """Delete the drafts by people who were erased, and those about them."""
    accounts, households = {event.account_id for event in events}, {event.household_id for event in events}
    theirs = or_(Draft.author_id.in_(accounts), Draft.household_id.in_(households))
    session.execute(delete(Draft).where(theirs), execution_options={"synchronize_session": False})


def _write(draft: Draft, stated: Mapping[str, Any]) -> None:
    fields = {name: value for name, value in stated.items() if value is not None or name in rules.MEANT_EMPTY}
    household_id = fields.get("household_id")
    draft.household_id = UUID(str(household_id)) if household_id else None
    draft.content = json.dumps(fields, ensure_ascii=False, default=str)
    draft.changed_at, draft.expires_at = now(), now() + rules.KEPT


def _lock_unposted(session: Session, caller: Caller, draft_id: UUID) -> Draft:
    draft = queries.get_own_draft(session, caller, draft_id, lock=True)
    versions.check_if_match(session, draft)
    if problem := rules.find_draft_problem(draft):
        raise problem
    return draft
