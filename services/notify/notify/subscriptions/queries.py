"""Queries of subscriptions: a caller's own, and those of recipients when a push is planned or sent."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import not_found
from notify.subscriptions.model import PushSubscription


def list_own_subscriptions(session: Session, caller: Caller) -> Sequence[PushSubscription]:
    """List the caller's subscriptions, newest first; there are a few at most."""
    own = select(PushSubscription).where(PushSubscription.account_id == caller.id)
    return session.scalars(own.order_by(PushSubscription.id.desc())).all()


def get_own_subscription(session: Session, caller: Caller, subscription_id: UUID, *, lock: bool = False) -> PushSubscription:
    """Get a subscription of the caller's, locked on request. Raises `not_found` for any other."""
    found = session.get(PushSubscription, subscription_id, with_for_update=lock or None)
    if found is None or found.account_id != caller.id:
        raise not_found()
    return found


def find_subscriptions(session: Session, accounts: Collection[UUID]) -> dict[UUID, list[PushSubscription]]:
    """Find the subscriptions of these accounts, by account."""
    found: dict[UUID, list[PushSubscription]] = defaultdict(list)
    if accounts:
        held = select(PushSubscription).where(PushSubscription.account_id.in_(accounts)).order_by(PushSubscription.id)
        for one in session.scalars(held):
            found[one.account_id].append(one)
    return dict(found)
