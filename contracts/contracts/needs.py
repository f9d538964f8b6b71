"""What needs tells: what households ask for and what people pledge. Reasons in free text stay at home."""

from typing import Literal
from uuid import UUID

from contracts.event import Category, Event, Moment, Quantity, Region, Unit

Urgency = Literal["normal", "urgent", "critical"]
PledgeKind = Literal["goods", "money", "service", "job", "purchase", "training"]
Rejection = Literal["absurd", "branded", "not_a_need", "duplicate", "wrong_household", "too_much"]
Closing = Literal["met_elsewhere", "no_longer_needed", "not_reachable", "other"]


class _OfNeed(Event, frozen=True, kw_only=True):
    """Who is concerned by a need. `account_id` is the household's own account, empty when it has none."""

    need_id: UUID
    household_id: UUID
    account_id: UUID | None
    poster_id: UUID
    region: Region
    category: Category
    unit: Unit
    quantity: Quantity


class NeedPublished(_OfNeed, frozen=True, kw_only=True):
    """A verified need may be helped from now on."""

    urgency: Urgency
    posted_at: Moment
    published_at: Moment


class NeedRejected(_OfNeed, frozen=True, kw_only=True):
    """The verifier did not let a need through."""

    reason: Rejection
    rejected_at: Moment


class NeedWithdrawn(_OfNeed, frozen=True, kw_only=True):
    """The household's side took the need back; what was accepted before stays."""

    withdrawn_by: UUID
    withdrawn_at: Moment


class NeedClosed(_OfNeed, frozen=True, kw_only=True):
    """An administrator closed the need; nothing more is proposed for it."""

    reason: Closing
    closed_at: Moment


class _OfPledge(Event, frozen=True, kw_only=True):
    """A whole pledge. `region` is where it may go, itself and all below."""

    pledge_id: UUID
    pledger_id: UUID
    kind: PledgeKind
    category: Category
    unit: Unit
    quantity: Quantity
    region: Region
    valid_until: Moment
    offered_at: Moment


class PledgeOffered(_OfPledge, frozen=True, kw_only=True):
    """Somebody is ready to give."""


class PledgeChanged(_OfPledge, frozen=True, kw_only=True):
    """The pledger wants other figures; matching judges what of them is still free."""

    changed_at: Moment


class PledgeWithdrawn(_OfPledge, frozen=True, kw_only=True):
    """The pledger wants to give no more; what was accepted before stays."""

    withdrawn_at: Moment
