"""What matching tells anew: how every match came to stand as it does, endings first; what was free of a pledge at its last change."""

from chassis.stories import Story
from contracts.matching import MatchAccepted, MatchLapsed, MatchNeedEnded, MatchProposed, MatchRefused, PledgeReleased
from matching.actions import told
from matching.model import Match, Pledge

STORIES = (
    Story(MatchNeedEnded, Match, told.need_ended, where=Match.need_ended_at.is_not(None)),
    Story(MatchLapsed, Match, told.lapsed, where=Match.state == "lapsed"),
    Story(MatchRefused, Match, told.refused, where=Match.state == "refused"),
    Story(MatchAccepted, Match, told.accepted, where=Match.state == "accepted"),
    Story(MatchProposed, Match, told.proposed, where=Match.answer_by > Match.proposed_at),
    Story(PledgeReleased, Pledge, told.released, where=Pledge.releases > 0),
)
