"""The events of needs: needs of households and pledges of people. They hold no free text."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from contracts.event import Category, Charity, Event, Moment, Quantity, Region, Rest, Unit

Urgency = Literal["normal", "urgent", "critical"]
PledgeKind = Literal["goods", "money", "service", "job", "purchase", "training"]
GiverKind = Literal["donor", "organisation", "merchant", "volunteer", "cadre", "work_unit"]
Rejection = Literal["absurd", "branded", "not_a_need", "duplicate", "wrong_household", "too_much"]
Withdrawal = Literal["household_ended"]
Closing = Literal["met_elsewhere", "no_longer_needed", "not_reachable", "other"]
Return = Literal["unclear", "wrong_item", "branded", "too_much", "wrong_household", "other"]
ReviewStep = Literal["village", "county"]
Reopening = Literal["renewed", "not_received"]
Fault = Literal["absurd", "branded", "not_a_need", "duplicate", "wrong_household", "too_much", "not_true", "story_identifies"]
Words = Annotated[str, Meta(max_length=100)]
Price = Annotated[int, Meta(ge=1, le=10**12)]


class _OfNeed(Event, frozen=True, kw_only=True):
    """The people, subject and quantity of a need."""

    need_id: UUID
    household_id: UUID
    account_id: UUID | None
    poster_id: UUID
    region: Region
    category: Category
    unit: Unit
    quantity: Quantity


class NeedPublished(_OfNeed, frozen=True, kw_only=True):
    """A need was verified; pledges may be matched with it from now on."""

    of_institution: Annotated[bool, Meta(description="the need of a school or another institution, whose id is `household_id`")] = False
    charity: Charity = None
    urgency: Urgency
    posted_at: Moment
    published_at: Moment


class NeedPosted(_OfNeed, frozen=True, kw_only=True):
    """A need waits to be verified: it was posted, amended, posted again after its return, or moved with its household while it waited."""

    quantity_unknown: Annotated[bool, Meta(description="nobody has said how much is needed; `quantity` is 1")] = False
    of_institution: Annotated[bool, Meta(description="the need of a school or another institution, whose id is `household_id`")] = False
    asks_consent: Annotated[bool, Meta(description="the household is to be asked by SMS whether it agrees to the post")] = False
    urgency: Urgency
    posted_at: Moment
    due_at: Moment


class NeedConfirmed(_OfNeed, frozen=True, kw_only=True):
    """The village or township verified a need whose value is above its county's threshold; the county verifies it too."""

    urgency: Urgency
    posted_at: Moment
    confirmed_by: UUID
    confirmed_at: Moment
    due_at: Moment


class NeedReturned(_OfNeed, frozen=True, kw_only=True):
    """A verifier returned a need: its poster may amend it, and it waits again."""

    quantity_unknown: Annotated[bool, Meta(description="nobody has said how much is needed; `quantity` is 1")] = False
    reason: Return
    returned_by: Annotated[UUID, Meta(description="the administrator who returned it")]
    returned_at: Annotated[Moment, Meta(description="time of the return")]


class _OfReview(_OfNeed, frozen=True, kw_only=True):
    """A need that waits at a step of its verification. `county` is the second step."""

    quantity_unknown: Annotated[bool, Meta(description="nobody has said how much is needed; `quantity` is 1")] = False
    step: ReviewStep
    urgency: Urgency
    due_at: Moment


class ReviewReminded(_OfReview, frozen=True, kw_only=True):
    """The time to verify a need ends with the next working day."""

    confirmed_by: UUID | None
    reminded_at: Moment


class ReviewOverdue(_OfReview, frozen=True, kw_only=True):
    """The time to verify a need is over. It is published once for each step."""

    confirmed_by: UUID | None
    overdue_at: Annotated[Moment, Meta(description="time when this was noticed")]


class NeedMoved(_OfNeed, frozen=True, kw_only=True):
    """A published need went along with its household: to another village, to the household it was merged into, or to its new account.

    It holds all that `NeedPublished` does, for a listener that gets it first.
    """

    of_institution: Annotated[bool, Meta(description="the need of a school or another institution, whose id is `household_id`")] = False
    charity: Charity = None
    urgency: Urgency
    posted_at: Moment
    published_at: Moment
    moved_at: Moment


class NeedRejected(_OfNeed, frozen=True, kw_only=True):
    """The verifier rejected a need."""

    quantity_unknown: Annotated[bool, Meta(description="nobody has said how much is needed; `quantity` is 1")] = False
    reason: Rejection
    rejected_at: Moment


class NeedWithdrawn(_OfNeed, frozen=True, kw_only=True):
    """The household's side withdrew the need, or its household left the register. Matches that were accepted before stay."""

    quantity_unknown: Annotated[bool, Meta(description="nobody has said how much is needed; `quantity` is 1")] = False
    reason: Annotated[Withdrawal | None, Meta(description="null when the household's side withdrew it")] = None
    withdrawn_by: UUID
    withdrawn_at: Moment


class NeedClosed(_OfNeed, frozen=True, kw_only=True):
    """An administrator closed the need. Nothing more is proposed for it."""

    reason: Closing
    closed_at: Moment


class NeedExpiring(_OfNeed, frozen=True, kw_only=True):
    """A published need expires at `expires_at`, unless its side renews it. Published once for each period."""

    expires_at: Annotated[Moment, Meta(description="time at which the need ends by itself")]
    reminded_at: Moment


class NeedRenewed(_OfNeed, frozen=True, kw_only=True):
    """The household's side renewed a published need, which now expires at `expires_at`."""

    expires_at: Annotated[Moment, Meta(description="time at which the need ends by itself")]
    renewed_by: UUID
    renewed_at: Moment


class NeedExpired(_OfNeed, frozen=True, kw_only=True):
    """The time of a published need was over and nobody renewed it. Nothing more is proposed for it; accepted matches stay."""

    expired_at: Moment


class NeedMet(_OfNeed, frozen=True, kw_only=True):
    """Everything that was needed was received. Nothing more is proposed for the need."""

    met_at: Moment


class NeedReopened(_OfNeed, frozen=True, kw_only=True):
    """A need that had ended is open again: its side renewed it after its expiry, or a dispute found that less had arrived.

    It holds all that `NeedPublished` does, for a listener that gets it first. What arrived of the need before still counts.
    """

    of_institution: Annotated[bool, Meta(description="the need of a school or another institution, whose id is `household_id`")] = False
    charity: Charity = None
    urgency: Urgency
    posted_at: Moment
    published_at: Moment
    reason: Reopening
    expires_at: Annotated[Moment, Meta(description="time at which the need ends by itself")]
    reopened_by: Annotated[UUID | None, Meta(description="who renewed it; null after a dispute")]
    reopened_at: Moment


class NeedFiguresChanged(Event, frozen=True, kw_only=True):
    """The figures of a need that was published are others, or others may see them. Several changes within a second are told once."""

    need_id: UUID
    account_id: UUID | None
    region: Region
    state: Annotated[str, Meta(max_length=20, description="the state of the need; an open list")]
    is_public: Annotated[bool, Meta(description="everybody may see it; otherwise its account, and who manages or audits its region")]
    unit: Unit
    quantity: Rest
    accepted: Annotated[Rest, Meta(description="promised by accepted matches, less what did not arrive")]
    proposed: Annotated[Rest, Meta(description="set aside, waiting for an answer")]
    delivered: Annotated[Rest, Meta(description="of `accepted`, confirmed as received")]
    counted_at: Moment


class VerificationFaulted(Event, frozen=True, kw_only=True):
    """A check by chance found that a need should not have been verified as it was. Its reviewers are told, and nobody else."""

    sample_id: UUID
    need_id: UUID
    reviewer_id: Annotated[UUID, Meta(description="who verified it at the first step")]
    second_reviewer_id: Annotated[UUID | None, Meta(description="who verified it at the county")]
    region: Region
    category: Category
    unit: Unit
    quantity: Quantity
    reason: Fault
    verified_at: Moment
    checked_at: Annotated[Moment, Meta(description="time of the verdict")]


class VillageFellSilent(Event, frozen=True, kw_only=True):
    """Nobody in a village with registered households has posted a need for long. Published once for each silence.

    `region` is its township, whose administrators are told.
    """

    village_id: Annotated[UUID, Meta(description="an id for this village's silences")]
    village: Annotated[Region, Meta(examples=["510903100208"])]
    region: Annotated[Region, Meta(examples=["510903100"])]
    silent_since: Annotated[Moment, Meta(description="the last post, or when the village's first household became known")]
    noticed_at: Moment


class NeedReported(_OfNeed, frozen=True, kw_only=True):
    """Several people reported a published need as absurd or improper. The hall hides it until a reviewer clears or ends it."""

    hidden_at: Moment


class NeedAnswerJudged(Event, frozen=True, kw_only=True):
    """An answer by SMS about a need was carried out as an act of the household, or the rules refused it."""

    question_id: UUID
    need_id: UUID
    household_id: UUID
    account_id: UUID | None
    person_id: UUID
    asked: Annotated[Literal["consent", "renewal"], Meta(description="what was asked")]
    answer: Annotated[Literal["accept", "refuse", "renew", "not_received"], Meta(description="what the person answered")]
    outcome: Annotated[Literal["done", "refused"], Meta(description="whether it was carried out")]
    problem: Annotated[
        Annotated[str, Meta(max_length=50)] | None, Meta(examples=[None], description="code of the problem that refused it; null when done")
    ]
    judged_at: Moment


class _OfPledge(Event, frozen=True, kw_only=True):
    """The whole state of a pledge. It may go to `region` and all below it.

    Until `choose_until` its giver chooses needs, and nothing is proposed for it. The goods have to be handed over by `best_before`. One
    household gets at most `limit_per_household`.
    """

    pledge_id: UUID
    pledger_id: UUID
    kind: PledgeKind
    category: Category
    unit: Unit
    quantity: Quantity
    region: Region
    valid_until: Moment
    offered_at: Moment
    choose_until: Annotated[Moment | None, Meta(description="until when its giver chooses a need themselves", examples=[None])] = None
    best_before: Annotated[Moment | None, Meta(description="by when the goods are to be handed over", examples=[None])] = None
    limit_per_household: Annotated[Quantity | None, Meta(description="the most for one household", examples=[None])] = None


class PledgeOffered(_OfPledge, frozen=True, kw_only=True):
    """Somebody made a pledge. With `claims`, it is promised to that need at once, as far as the need has units left or held.

    `claimed` is the most for that need, by default all of the pledge. `pledger_kind` is the kind of the giver's account.
    """

    pledger_kind: Annotated[GiverKind | None, Meta(description="the kind of the giver's account", examples=[None])] = None
    claims: Annotated[UUID | None, Meta(description="the need that the giver chose", examples=[None])] = None
    claimed: Annotated[Quantity | None, Meta(description="the most for the chosen need; null for all", examples=[None])] = None


class PledgeChanged(_OfPledge, frozen=True, kw_only=True):
    """The pledger asked for other figures. Matching answers with `PledgeReleased`."""

    changed_at: Moment


class PledgeWithdrawn(_OfPledge, frozen=True, kw_only=True):
    """The pledger withdrew the pledge. Matches that were accepted before stay."""

    withdrawn_at: Moment


class PledgeExpiring(Event, frozen=True, kw_only=True):
    """Perishable goods of a pledge can be matched until `valid_until` and no longer. Published once for each date, to their giver."""

    pledge_id: UUID
    pledger_id: UUID
    category: Category
    unit: Unit
    open: Annotated[Rest, Meta(description="whole units of `unit` that are not promised")]
    best_before: Annotated[Moment, Meta(description="by when the goods are to be handed over")]
    valid_until: Annotated[Moment, Meta(description="until when the goods are matched, so that they are handed over in time")]
    reminded_at: Annotated[Moment, Meta(description="time of the reminder")]


class CatalogueChanged(Event, frozen=True, kw_only=True):
    """An item or a group of the catalogue is new, or has other words or figures. Its category, unit and kind never change."""

    item_id: UUID
    category: Category
    unit: Annotated[Unit | None, Meta(description="null for a group")]
    kind: Annotated[PledgeKind, Meta(description="the kind of pledges that fit it")]
    zh: Annotated[Words, Meta(examples=["大米"], description="the name in Chinese")]
    en: Annotated[Words, Meta(examples=["Rice"], description="the name in English")]
    measure: Annotated[
        str, Meta(max_length=20, examples=[""], description="the Chinese measure word of the item; empty when it is that of the unit")
    ] = ""
    noun_zh: Annotated[Words, Meta(examples=[""], description="the thing in a Chinese sentence; empty when it is the name")] = ""
    noun_en: Annotated[Words, Meta(examples=[""], description="the thing in an English sentence; empty when it is the name")] = ""
    catalogue: Annotated[
        str, Meta(max_length=20, examples=[""], description="a catalogue of its own that counties switch on; empty for everyday items")
    ] = ""
    most: Annotated[Rest | None, Meta(examples=[200], description="the most of one household's need; null without a limit")] = None
    price: Annotated[Price | None, Meta(examples=[800], description="the most that a unit usually costs, in fen")] = None
    changed_at: Moment
