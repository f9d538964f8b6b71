"""Queries of drafts: their authors see their own, and nobody else sees any."""

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.drafts.model import Draft
from needs.model import Household


def list_own_drafts(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the caller's drafts, newest first."""
    return page(session, select(Draft).where(Draft.author_id == caller.id), Draft.id, **paging)


def get_own_draft(session: Session, caller: Caller, draft_id: UUID, *, lock: bool = False) -> Draft:
    """Get a draft of the caller, locked on request. Raises `not_found` for any other."""
    draft = session.get(Draft, draft_id, with_for_update=lock, populate_existing=lock)
    if draft is None or draft.author_id != caller.id:
        raise not_found()
    return draft


def count_drafts(session: Session, author_id: UUID) -> int:
    """Count somebody's drafts."""
    return session.scalar(select(func.count()).where(Draft.author_id == author_id)) or 0


def find_households(session: Session, drafts: Collection[Draft]) -> dict[UUID, Household]:
    """Find the households that drafts are about, by their ids."""
    ids = {draft.household_id for draft in drafts if draft.household_id}
    found = session.scalars(select(Household).where(Household.id.in_(ids))) if ids else ()
    return {household.id: household for household in found}


def read_content(draft: Draft) -> dict[str, Any]:
    """Return the fields of a draft; none of one that was posted or erased."""
    content: dict[str, Any] = json.loads(draft.content) if draft.content else {}
    return content
