"""Rules of hand-overs: what each event of a match does to the door, and on which side a caller stands. No rule needs a database."""

from datetime import datetime, timedelta

from chassis.http.auth import Caller
from contracts.matching import DisputeOpened, DisputeSettled, MatchAccepted, MatchClosed, MatchDeclined, MatchReceived, MatchSent
from users.handovers.model import Handover
from users.households.model import Household

Heard = MatchAccepted | MatchSent | MatchReceived | MatchClosed | MatchDeclined
HeardDispute = DisputeOpened | DisputeSettled
GIVER, HOUSEHOLD = "giver", "household"
ENDED = "ended"
UNDER_WAY = ("accepted", "sent")
"""Steps at which the giver still needs to know where the goods go."""
AFTER_ACCEPTANCE, AFTER_SENDING = timedelta(days=180), timedelta(days=90)
"""How long a door stays open when nothing more is heard of the match."""
AFTER_RECEIPT = timedelta(days=28)
"""The way of a dispute that is opened at once: seven days for the answer, seven to raise it, fourteen for the county."""
AFTER_SETTLEMENT = timedelta(days=7)
"""How long the sides of a settled dispute may still need each other, to do what was decided."""


def find_step(event: Heard) -> tuple[str, datetime] | None:
    """Return the step of the match and when its door shuts; None for a proposal that was declined, which never had a door.

    A match is disputed from its sending until its closing, at the latest two weeks after its receipt, so the time for a dispute is over
    with the closing. Nothing closes it while a dispute is open, and neither does its door shut.
    """
    match event:
        case MatchAccepted():
            return "accepted", event.accepted_at + AFTER_ACCEPTANCE
        case MatchSent():
            return "sent", event.sent_at + AFTER_SENDING
        case MatchReceived():
            return "received", event.received_at + AFTER_RECEIPT
        case MatchClosed():
            return ENDED, event.closed_at
        case MatchDeclined():
            return (ENDED, event.declined_at) if event.was_accepted else None


def is_disputed(handover: Handover) -> bool:
    """Tell whether a dispute about the match is open."""
    return handover.dispute_version > 0 and handover.dispute_settled_at is None and handover.step != ENDED


def find_shutting(handover: Handover, at: datetime) -> datetime:
    """Return until when the door is open as far as anybody knows; the end of a dispute is a settlement's time away at least."""
    if is_disputed(handover):
        return max(handover.shuts_at, at + AFTER_SETTLEMENT)
    return max(handover.shuts_at, handover.dispute_settled_at + AFTER_SETTLEMENT) if handover.dispute_settled_at else handover.shuts_at


def find_side(caller: Caller, handover: Handover, household: Household | None) -> str | None:
    """Return the side on which the caller stands, or None. Whoever manages the household's village speaks for its side.

    `household` is the row of the register as it is now: it may have moved, and may have another account.
    """
    if caller.id == handover.pledger_id:
        return GIVER
    account_id = household.account_id if household else handover.account_id
    return HOUSEHOLD if caller.id == account_id or caller.manages(region_of(handover, household)) else None


def region_of(handover: Handover, household: Household | None) -> str:
    """Return where the goods are needed: where the household lives now, or the region of the match."""
    return handover.region if household is None or household.ended_at else household.region
