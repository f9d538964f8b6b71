"""What matching tells: which quantity of which pledge is set aside for which need, why, and what people decided."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from contracts.event import Category, Event, Moment, Quantity, Region, Rest, Unit, Version

Lapse = Literal["deadline", "need_withdrawn", "need_closed", "pledge_changed", "pledge_withdrawn"]
Cause = Literal["not_arrived", "less_than_said", "damaged", "other"]
Finding = Literal["upheld", "partly_upheld", "dismissed", "agreed"]
Difference = Literal["short", "damaged", "wrong_item", "lost", "refused", "other"]
Outcome = Literal[
    "delivered",
    "partly_delivered",
    "nothing_arrived",
    "not_deliverable",
    "giver_withdrew",
    "giver_no_show",
    "household_moved",
    "need_over",
]
ThanksRefusal = Literal["personal", "asks_for_more", "improper", "not_of_this"]
Mark = Literal["delivery", "collection", "no_show", "withdrawal", "lapse", "rating"]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Decline = Literal["not_needed", "does_not_fit", "cannot_receive", "met_elsewhere", "other"]
Refusal = Literal["too_far", "out_of_stock", "does_not_fit", "changed_my_mind", "other"]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One ground of a proposal: a stable code and its figure, read out in each language by whoever shows it."""

    code: Annotated[str, Meta(max_length=50)]
    value: str | int


class _OfMatch(Event, frozen=True, kw_only=True):
    """Who is concerned by a match. `account_id` is the household's own account, empty when it has none; the poster speaks for it then."""

    match_id: UUID
    need_id: UUID
    pledge_id: UUID
    household_id: UUID
    account_id: UUID | None
    poster_id: UUID
    pledger_id: UUID
    region: Region
    category: Category
    unit: Unit
    quantity: Quantity


class MatchProposed(_OfMatch, frozen=True, kw_only=True):
    """A quantity is set aside until `answer_by`; the pledger decides."""

    reasons: list[Reason]
    proposed_at: Moment
    answer_by: Moment


class MatchReminded(_OfMatch, frozen=True, kw_only=True):
    """A proposal still waits for the pledger's answer, and most of its time is over."""

    answer_by: Moment
    reminded_at: Moment


class MatchAccepted(_OfMatch, frozen=True, kw_only=True):
    """The pledger accepted a proposal or a part of it, which is `quantity` then, or claimed a need of their own choice."""

    chosen: Literal["proposal", "claim"]
    accepted_at: Moment


class MatchRefused(_OfMatch, frozen=True, kw_only=True):
    """The pledger declined; both quantities are free again, not for each other."""

    reason: Refusal
    refused_at: Moment


class MatchDeclined(_OfMatch, frozen=True, kw_only=True):
    """The household's side declined a proposal or, before it was sent, a promise; both quantities are free again, not for each other."""

    reason: Decline
    was_accepted: bool
    declined_at: Moment


class MatchLapsed(_OfMatch, frozen=True, kw_only=True):
    """A proposal ended unanswered; both quantities are free again as far as they are still offered and asked for."""

    reason: Lapse
    lapsed_at: Moment


class MatchRevised(_OfMatch, frozen=True, kw_only=True):
    """An unanswered proposal ended in favour of a critical need that had nothing; its two sides are not proposed to each other again."""

    revised_at: Moment


class MatchNeedEnded(_OfMatch, frozen=True, kw_only=True):
    """The need of an accepted match was withdrawn or closed: the two sides have to speak before anything is sent."""

    reason: Literal["need_withdrawn", "need_closed"]
    ended_at: Moment


class MatchSent(_OfMatch, frozen=True, kw_only=True):
    """The giver sent or brought `sent` of the `quantity` they had promised; the rest is free again on both sides."""

    sent: Quantity
    sent_at: Moment


class MatchReceived(_OfMatch, frozen=True, kw_only=True):
    """The household's side confirmed what arrived of what the giver had sent: so both have acted. What did not arrive is needed again."""

    sent: Quantity
    received: Rest
    difference: Difference | None
    confirmed: Literal["signed_in", "by_slip"]
    received_at: Moment


class MatchClosed(_OfMatch, frozen=True, kw_only=True):
    """Nothing more will come of a match that was accepted; `reason` is why, by the figures once something was received."""

    reason: Outcome
    sent: Rest
    received: Rest
    closed_at: Moment


class _OfThanks(Event, frozen=True, kw_only=True):
    """Whom thanks concern, and for what they were; their text stays with the service."""

    thanks_id: UUID
    match_id: UUID
    need_id: UUID
    pledge_id: UUID
    account_id: UUID | None
    poster_id: UUID
    pledger_id: UUID
    region: Region
    category: Category
    unit: Unit
    quantity: Quantity


class ThanksWritten(_OfThanks, frozen=True, kw_only=True):
    """Thanks wait for an administrator to release or refuse them: another than their author, while there is one."""

    author_id: UUID
    written_at: Moment


class ThanksGiven(_OfThanks, frozen=True, kw_only=True):
    """The household's side thanked the giver for `quantity` that arrived, and an administrator released it: the giver may read it."""

    with_photo: bool
    given_at: Moment


class ThanksRefused(_OfThanks, frozen=True, kw_only=True):
    """An administrator did not release what the household's side wrote; it may write anew."""

    reason: ThanksRefusal
    refused_at: Moment


class _OfDispute(Event, frozen=True, kw_only=True):
    """A dispute of what was sent or received in a match, which promised `quantity`; `side` disputes it. What people wrote stays at home."""

    dispute_id: UUID
    match_id: UUID
    need_id: UUID
    pledge_id: UUID
    household_id: UUID
    account_id: UUID | None
    poster_id: UUID
    pledger_id: UUID
    region: Region
    category: Category
    unit: Unit
    quantity: Quantity
    side: Literal["giver", "household"]
    cause: Cause


class DisputeOpened(_OfDispute, frozen=True, kw_only=True):
    """One side says that it is not as the other says; until this is settled the match is not closed."""

    involved: list[UUID] = []
    opened_at: Moment


class DisputeAnswered(_OfDispute, frozen=True, kw_only=True):
    """An administrator around said what was found; it stands unless a side takes it on to the county."""

    outcome: Finding
    answered_at: Moment


class DisputeRaised(_OfDispute, frozen=True, kw_only=True):
    """It is the county's to settle: a side was not content with the answer, or nobody had answered in time."""

    unanswered: bool
    involved: list[UUID] = []
    raised_at: Moment
    decide_by: Moment | None = None


class DisputeReminded(_OfDispute, frozen=True, kw_only=True):
    """The county ought to settle it by `decide_by`, which is near or over: told before, then, and every week after."""

    involved: list[UUID]
    decide_by: Moment
    overdue: bool
    reminded_at: Moment


class DisputeSettled(_OfDispute, frozen=True, kw_only=True):
    """The end of a dispute: what the county decided, or the answer that neither side took on."""

    outcome: Finding
    by_county: bool
    settled_at: Moment


class _OfAppeal(Event, frozen=True, kw_only=True):
    """An appeal against a mark that a match of `quantity` left. What people wrote stays at home."""

    appeal_id: UUID
    match_id: UUID
    need_id: UUID
    pledge_id: UUID
    appellant_id: UUID
    side: Literal["giver", "household"]
    mark: Mark
    region: Region
    category: Category
    unit: Unit
    quantity: Quantity


class AppealLodged(_OfAppeal, frozen=True, kw_only=True):
    """Somebody finds a mark against them wrong; the county decides."""

    involved: list[UUID]
    lodged_at: Moment


class AppealDecided(_OfAppeal, frozen=True, kw_only=True):
    """The county decided about an appeal against a mark: when it was upheld, the mark counts no more for how reliable somebody is."""

    outcome: Literal["upheld", "dismissed"]
    decided_at: Moment


class PledgeReleased(Event, frozen=True, kw_only=True):
    """What a change or withdrawal of a pledge came to: `answers` is the version of the pledge that was asked for.

    `quantity` never falls below what was `accepted`; what is neither accepted nor `open` does not exist, unless the pledge rests: then
    nothing is open until its pledger lets it go on.
    """

    pledge_id: UUID
    pledger_id: UUID
    category: Category
    unit: Unit
    answers: Version
    withdrawn: bool
    resting: bool = False
    quantity: Rest
    accepted: Rest
    open: Rest
    released_at: Moment


class BalanceChanged(Event, frozen=True, kw_only=True):
    """What waits and what is offered in a county or a wider region has changed.

    Counted are the region and all below it, the category as needs and pledges state it, in one unit; told at most once a minute. A
    pledge for a wider region or a wider category stands in the figures of that one alone.
    """

    balance_id: UUID
    region: Region
    category: Category
    unit: Unit
    waiting_needs: Count
    waiting_units: Count
    open_pledges: Count
    open_units: Count
    typical_days: Count | None
    counted_at: Moment
