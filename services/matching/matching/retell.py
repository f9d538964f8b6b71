"""What matching tells anew: how every match came to stand as it does, endings first; what was free of a pledge at its last change."""

from chassis.stories import Story
from contracts.matching import MatchAccepted, MatchLapsed, MatchNeedEnded, MatchProposed, MatchRefused, MatchReminded, PledgeReleased
from matching import actions, reminders
from matching.model import Match, Pledge

STORIES = (
    Story(MatchNeedEnded, Match, actions.need_ended, where=Match.need_ended_at.is_not(None)),
    Story(MatchLapsed, Match, actions.lapsed, where=Match.state == "lapsed"),
    Story(MatchRefused, Match, actions.refused, where=Match.state == "refused"),
    Story(MatchAccepted, Match, actions.accepted, where=Match.state == "accepted"),
    Story(MatchReminded, Match, reminders.reminded, where=(Match.state == "proposed") & Match.reminded_at.is_not(None)),
    Story(MatchProposed, Match, actions.proposed, where=Match.answer_by > Match.proposed_at),
    Story(PledgeReleased, Pledge, actions.released, where=Pledge.releases > 0),
)
