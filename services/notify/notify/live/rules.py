"""The rule of streams: who may see a change."""

from typing import Any

from chassis.http.streams.subscriptions import Subscription


def may_hear(change: Any, subscription: Subscription) -> bool:
    """Tell whether a subscriber may see a change: what is open, their own, and what lies in a region that they manage or audit now."""
    if change.open or change.account_id == subscription.person_id:
        return True
    if change.region is None:
        return False
    standing = subscription.standing
    return standing.reads(change.region) if change.auditors else standing.manages(change.region)
