"""Snapshots for republishing: matches, their endings first, open quantities of pledges, the balance, and feedback."""

from chassis.messaging.snapshots import Snapshot
from contracts.matching import (
    AppealDecided,
    AppealLodged,
    BalanceChanged,
    ClaimFailed,
    DisputeAnswered,
    DisputeOpened,
    DisputeRaised,
    DisputeReminded,
    DisputeSettled,
    MatchAccepted,
    MatchAnswerJudged,
    MatchClosed,
    MatchCorrected,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchNeedReopened,
    MatchProposed,
    MatchReceiptReminded,
    MatchReceived,
    MatchRefused,
    MatchReminded,
    MatchRevised,
    MatchSendReminded,
    MatchSent,
    PledgeReleased,
    ThanksGiven,
    ThanksRefused,
    ThanksWritten,
)
from matching.answered.events import answer_judged
from matching.answered.model import Answer
from matching.appeals.events import appeal_decided, appeal_lodged
from matching.appeals.model import Appeal
from matching.balance.events import balance_changed
from matching.balance.model import PublishedBalance
from matching.book import events
from matching.book.model import Match, Movement, Pledge
from matching.disputes import events as disputes
from matching.disputes.model import Dispute
from matching.feedback.events import thanks_given, thanks_refused, thanks_written
from matching.feedback.model import Thanks
from matching.matches.reminders import match_reminded

SNAPSHOTS = (
    Snapshot(MatchClosed, Match, events.match_closed, where=Match.state == "closed"),
    Snapshot(MatchNeedEnded, Match, events.match_need_ended, where=Match.need_ended_at.is_not(None)),
    Snapshot(
        MatchNeedReopened,
        Match,
        events.match_need_reopened,
        where=(Match.state == "accepted") & Match.need_reopened_at.is_not(None) & Match.need_ended_at.is_(None),
    ),
    Snapshot(MatchLapsed, Match, events.match_lapsed, where=(Match.state == "lapsed") & (Match.ended_because != "revised")),
    Snapshot(MatchRevised, Match, events.match_revised, where=(Match.state == "lapsed") & (Match.ended_because == "revised")),
    Snapshot(MatchDeclined, Match, events.match_declined, where=Match.state == "declined"),
    Snapshot(MatchRefused, Match, events.match_refused, where=Match.state == "refused"),
    Snapshot(MatchCorrected, Match, events.match_corrected, where=Match.movements.any(Movement.kind == "corrected")),
    Snapshot(MatchReceived, Match, events.match_received, where=Match.movements.any(Movement.kind == "received")),
    Snapshot(
        MatchReceiptReminded,
        Match,
        events.match_receipt_reminded,
        where=(Match.state == "sent") & Match.goods_reminded_version.is_not(None),
    ),
    Snapshot(MatchSent, Match, events.match_sent, where=Match.movements.any(Movement.kind == "sent")),
    Snapshot(
        MatchSendReminded,
        Match,
        events.match_send_reminded,
        where=(Match.state == "accepted") & Match.send_reminded_at.is_not(None) & Match.need_ended_at.is_(None),
    ),
    Snapshot(MatchAccepted, Match, events.match_accepted, where=Match.movements.any(Movement.kind == "promised")),
    Snapshot(MatchReminded, Match, match_reminded, where=(Match.state == "proposed") & Match.reminded_at.is_not(None)),
    Snapshot(MatchProposed, Match, events.match_proposed, where=Match.answer_by > Match.proposed_at),
    Snapshot(MatchAnswerJudged, Answer, answer_judged),
    Snapshot(PledgeReleased, Pledge, events.pledge_released, where=Pledge.releases > 0),
    Snapshot(ClaimFailed, Pledge, events.claim_failed, where=Pledge.claim_problem.is_not(None)),
    Snapshot(BalanceChanged, PublishedBalance, balance_changed),
    Snapshot(DisputeSettled, Dispute, disputes.dispute_settled, where=Dispute.state == "settled"),
    Snapshot(DisputeReminded, Dispute, disputes.dispute_reminded, where=(Dispute.state == "raised") & Dispute.reminded_at.is_not(None)),
    Snapshot(DisputeRaised, Dispute, disputes.dispute_raised, where=Dispute.raised_at.is_not(None)),
    Snapshot(DisputeAnswered, Dispute, disputes.dispute_answered, where=Dispute.answered_at.is_not(None)),
    Snapshot(DisputeOpened, Dispute, disputes.dispute_opened),
    Snapshot(AppealDecided, Appeal, appeal_decided, where=Appeal.state != "waiting"),
    Snapshot(ThanksGiven, Thanks, thanks_given, where=Thanks.state == "released"),
    Snapshot(AppealLodged, Appeal, appeal_lodged),
    Snapshot(ThanksRefused, Thanks, thanks_refused, where=Thanks.state == "refused"),
    Snapshot(ThanksWritten, Thanks, thanks_written),
)
