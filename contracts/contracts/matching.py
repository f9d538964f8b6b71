"""The events of matching: proposals, answers, deliveries, thanks, disputes, appeals and balances. They hold no free text."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from contracts.event import Category, Charity, Event, Moment, Quantity, Region, Rest, Unit, Version

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
ClaimFailure = Literal["need_over", "not_enough", "does_not_fit", "household_limit"]
ThanksRefusal = Literal["personal", "asks_for_more", "improper", "not_of_this"]
Mark = Literal["delivery", "collection", "no_show", "withdrawal", "lapse", "rating"]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Decline = Literal["not_needed", "does_not_fit", "cannot_receive", "met_elsewhere", "other"]
Refusal = Literal["too_far", "out_of_stock", "does_not_fit", "changed_my_mind", "other"]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for a proposal: a stable code and its figure. Readers put it into words."""

    code: Annotated[str, Meta(max_length=50)]
    value: str | int


class _OfMatch(Event, frozen=True, kw_only=True):
    """The people, subject and quantity of a match. The poster speaks for a household that has no account of its own."""

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
    """A quantity of a pledge is set aside for a need until `answer_by`; the pledger decides."""

    reasons: list[Reason]
    proposed_at: Moment
    answer_by: Moment
    charity: Charity = None


class MatchReminded(_OfMatch, frozen=True, kw_only=True):
    """A proposal still waits for the pledger's answer, and most of the time to answer is over."""

    answer_by: Moment
    reminded_at: Moment


class MatchAccepted(_OfMatch, frozen=True, kw_only=True):
    """The pledger accepted `quantity` of a proposal, or claimed a need of their own choice."""

    chosen: Literal["proposal", "claim"]
    accepted_at: Moment
    send_by: Moment | None = None
    charity: Charity = None


class MatchSendReminded(_OfMatch, frozen=True, kw_only=True):
    """An accepted match is not sent yet, and half of the time until `send_by`, or all but two days of it, is over."""

    send_by: Moment
    reminded_at: Moment


class MatchRefused(_OfMatch, frozen=True, kw_only=True):
    """The pledger refused a proposal. Both quantities are free again, but not for each other."""

    reason: Refusal
    refused_at: Moment


class MatchDeclined(_OfMatch, frozen=True, kw_only=True):
    """The household's side declined a proposal, or an accepted match before it was sent.

    Both quantities are free again, but not for each other.
    """

    reason: Decline
    was_accepted: bool
    declined_at: Moment


class MatchLapsed(_OfMatch, frozen=True, kw_only=True):
    """A proposal ended without an answer. Both quantities are free again as far as need and pledge still stand.

    With `need_moved` the need went to another township with its household: it stands, although the reason is `need_withdrawn`.
    """

    reason: Lapse
    lapsed_at: Moment
    need_moved: bool = False


class MatchRevised(_OfMatch, frozen=True, kw_only=True):
    """An unanswered proposal ended in favour of a critical need that had nothing. Its two sides are not matched again."""

    revised_at: Moment


class MatchNeedEnded(_OfMatch, frozen=True, kw_only=True):
    """The need of an accepted match was withdrawn or closed. The two sides should speak before anything is sent."""

    reason: Literal["need_withdrawn", "need_closed"]
    ended_at: Moment


class MatchNeedReopened(_OfMatch, frozen=True, kw_only=True):
    """The need of an accepted match had ended and is open again: what was promised is wanted, and has its whole time to be sent."""

    reopened_at: Moment


class MatchSent(_OfMatch, frozen=True, kw_only=True):
    """The giver sent or brought `sent` of the promised `quantity`. The rest is free again on both sides."""

    sent: Quantity
    sent_at: Moment


class MatchReceiptReminded(_OfMatch, frozen=True, kw_only=True):
    """Goods with a best-before date were sent, and nobody has stated their receipt although the date is near. Published once."""

    best_before: Annotated[Moment, Meta(description="the date of the goods")]
    reminded_at: Annotated[Moment, Meta(description="time of the reminder")]


class MatchReceived(_OfMatch, frozen=True, kw_only=True):
    """The household's side confirmed that `received` of `sent` arrived. The rest is needed again."""

    sent: Quantity
    received: Rest
    difference: Difference | None
    confirmed: Literal["signed_in", "by_slip"]
    received_at: Moment


class MatchCorrected(_OfMatch, frozen=True, kw_only=True):
    """A dispute of the household's side found that less arrived than was confirmed: `received` counts, and the rest is needed again."""

    sent: Quantity
    received: Rest
    corrected_at: Moment


class MatchClosed(_OfMatch, frozen=True, kw_only=True):
    """An accepted match ended. `reason` follows from the figures once something was received.

    A delivery ends when the household's side agrees, or when its time to dispute the receipt is over.
    """

    reason: Outcome
    sent: Rest
    received: Rest
    closed_at: Moment


class _OfThanks(Event, frozen=True, kw_only=True):
    """The people and the delivery that thanks concern. The text stays with matching."""

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
    """Thanks wait for an administrator to release or refuse them. The author decides only where nobody else may."""

    author_id: UUID
    written_at: Moment


class ThanksGiven(_OfThanks, frozen=True, kw_only=True):
    """An administrator released the thanks of the household's side for `quantity`; the giver may read them."""

    with_photo: bool
    given_at: Moment


class ThanksRefused(_OfThanks, frozen=True, kw_only=True):
    """An administrator refused the thanks of the household's side, which may write again."""

    reason: ThanksRefusal
    refused_at: Moment


class _OfDispute(Event, frozen=True, kw_only=True):
    """A dispute about a delivery of a match of `quantity`. `side` raised it. The text stays with matching."""

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
    """One side disputes what the other stated. The match is not closed before the dispute is settled."""

    involved: list[UUID] = []
    opened_at: Moment


class DisputeAnswered(_OfDispute, frozen=True, kw_only=True):
    """An administrator of the region answered the dispute. The answer stands unless a side raises the dispute to the county."""

    outcome: Finding
    answered_at: Moment


class DisputeRaised(_OfDispute, frozen=True, kw_only=True):
    """The dispute went to the county: a side did not accept the answer, or nobody answered in time."""

    unanswered: bool
    involved: list[UUID] = []
    raised_at: Moment
    decide_by: Moment | None = None


class DisputeReminded(_OfDispute, frozen=True, kw_only=True):
    """The county should settle the dispute by `decide_by`, which is near or over. Published before it, at it and weekly after it."""

    involved: list[UUID]
    decide_by: Moment
    overdue: bool
    reminded_at: Moment


class DisputeSettled(_OfDispute, frozen=True, kw_only=True):
    """The dispute ended: the county decided, or neither side raised the answer to the county."""

    outcome: Finding
    by_county: bool
    received: Annotated[Rest | None, Meta(description="what arrived as it was found; null when the receipt stands", examples=[None])] = None
    settled_at: Moment


class _OfAppeal(Event, frozen=True, kw_only=True):
    """An appeal against a reliability mark from a match of `quantity`. The text stays with matching."""

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
    """Somebody appealed against a reliability event (a mark); the county decides."""

    involved: list[UUID]
    lodged_at: Moment


class AppealDecided(_OfAppeal, frozen=True, kw_only=True):
    """The county decided about an appeal. A mark whose appeal is upheld no longer counts for reliability."""

    outcome: Literal["upheld", "dismissed"]
    decided_at: Moment


class PledgeReleased(Event, frozen=True, kw_only=True):
    """The outcome of a change or withdrawal of a pledge. `answers` is the version of the pledge that asked for it.

    `quantity` is never less than `accepted`; the rest of it is `open`. Nothing of a resting pledge is open until its pledger resumes it.
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


class ClaimFailed(Event, frozen=True, kw_only=True):
    """A pledge was offered for a need that its giver chose, and nothing could be promised to it. The pledge is open for other needs."""

    pledge_id: UUID
    need_id: UUID
    pledger_id: UUID
    category: Category
    unit: Unit
    reason: ClaimFailure
    failed_at: Moment


class MatchAnswerJudged(Event, frozen=True, kw_only=True):
    """An answer by SMS about a match was carried out as an act of the person who was asked, or the rules refused it."""

    question_id: UUID
    match_id: UUID
    household_id: UUID
    account_id: UUID | None
    person_id: UUID
    side: Annotated[Literal["giver", "household"], Meta(description="the side that was asked")]
    asked: Annotated[Literal["proposal", "promise", "arrival"], Meta(description="what was asked")]
    answer: Annotated[Literal["accept", "refuse", "renew", "not_received"], Meta(description="what the person answered")]
    outcome: Annotated[Literal["done", "refused"], Meta(description="whether it was carried out")]
    problem: Annotated[
        Annotated[str, Meta(max_length=50)] | None, Meta(examples=[None], description="code of the problem that refused it; null when done")
    ]
    judged_at: Moment


class BalanceChanged(Event, frozen=True, kw_only=True):
    """The balance of a county or a wider region changed: waiting needs and open pledges of one category in one unit.

    It counts the region and all below it, and the category exactly as needs and pledges state it. It is published at most once a minute.
    A pledge for a wider region or category counts there alone.
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
