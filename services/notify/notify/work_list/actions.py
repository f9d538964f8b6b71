"""Actions on a work list as a whole: its lines are marked as told after a round through the village."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from notify.messages import actions as messages
from notify.messages.queries import get_list_entry


def tell_all(session: Session, caller: Caller, ids: Collection[UUID]) -> int:
    """State that households were told these lines; return how many were still open. Raises `not_found` or `not_allowed`, and tells none."""
    told = 0
    for message_id in sorted(set(ids)):
        told += get_list_entry(session, caller, message_id, lock=True).message.settled_at is None
        messages.tell(session, caller, message_id)
    return told
