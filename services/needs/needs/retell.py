"""What needs tells anew: every need that was judged or withdrawn, every pledge; endings first."""

from chassis.stories import Story
from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from needs import actions
from needs.model import Need, Pledge

STORIES = (
    Story(NeedWithdrawn, Need, actions.withdrawn, where=Need.state == "withdrawn"),
    Story(NeedClosed, Need, actions.closed, where=Need.state == "closed"),
    Story(NeedRejected, Need, actions.rejected, where=Need.state == "rejected"),
    Story(NeedPublished, Need, actions.published, where=Need.published_at.is_not(None)),
    Story(PledgeWithdrawn, Pledge, actions.taken_back, where=Pledge.withdrawn),
    Story(PledgeChanged, Pledge, actions.changed, where=(Pledge.version > 1) & ~Pledge.withdrawn),
    Story(PledgeOffered, Pledge, actions.offered),
)
