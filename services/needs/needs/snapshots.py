"""What needs tells anew: every need that was judged or withdrawn, every pledge; endings first."""

from chassis.messaging.snapshots import Snapshot
from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from needs import told
from needs.model import Need, Pledge

SNAPSHOTS = (
    Snapshot(NeedWithdrawn, Need, told.withdrawn, where=Need.state == "withdrawn"),
    Snapshot(NeedClosed, Need, told.closed, where=Need.state == "closed"),
    Snapshot(NeedRejected, Need, told.rejected, where=Need.state == "rejected"),
    Snapshot(NeedPublished, Need, told.published, where=Need.published_at.is_not(None)),
    Snapshot(PledgeWithdrawn, Pledge, told.taken_back, where=Pledge.withdrawn),
    Snapshot(PledgeChanged, Pledge, told.changed, where=(Pledge.version > 1) & ~Pledge.withdrawn),
    Snapshot(PledgeOffered, Pledge, told.offered),
)
