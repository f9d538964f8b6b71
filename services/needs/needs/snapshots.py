"""What needs tells anew: every need that was judged or withdrawn, every pledge; endings first."""

from chassis.messaging.snapshots import Story
from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from needs import told
from needs.model import Need, Pledge

SNAPSHOTS = (
    Story(NeedWithdrawn, Need, told.withdrawn, where=Need.state == "withdrawn"),
    Story(NeedClosed, Need, told.closed, where=Need.state == "closed"),
    Story(NeedRejected, Need, told.rejected, where=Need.state == "rejected"),
    Story(NeedPublished, Need, told.published, where=Need.published_at.is_not(None)),
    Story(PledgeWithdrawn, Pledge, told.taken_back, where=Pledge.withdrawn),
    Story(PledgeChanged, Pledge, told.changed, where=(Pledge.version > 1) & ~Pledge.withdrawn),
    Story(PledgeOffered, Pledge, told.offered),
)
