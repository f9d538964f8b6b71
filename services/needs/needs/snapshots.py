"""Snapshots for republishing: the catalogue, every need that was judged or withdrawn, every pledge. Endings come first."""

from chassis.messaging.snapshots import Snapshot
from contracts.needs import (
    CatalogueChanged,
    NeedClosed,
    NeedMoved,
    NeedPublished,
    NeedRejected,
    NeedWithdrawn,
    PledgeChanged,
    PledgeOffered,
    PledgeWithdrawn,
)
from needs import events
from needs.catalogue.events import catalogue_changed
from needs.catalogue.model import CatalogueItem
from needs.model import Need, Pledge

SNAPSHOTS = (
    Snapshot(CatalogueChanged, CatalogueItem, catalogue_changed, where=CatalogueItem.published_version > 0),
    Snapshot(NeedWithdrawn, Need, events.need_withdrawn, where=Need.state == "withdrawn"),
    Snapshot(NeedClosed, Need, events.need_closed, where=Need.state == "closed"),
    Snapshot(NeedRejected, Need, events.need_rejected, where=Need.state == "rejected"),
    Snapshot(NeedMoved, Need, events.need_moved, where=Need.published_at.is_not(None) & Need.moved_version.is_not(None)),
    Snapshot(NeedPublished, Need, events.need_published, where=Need.published_at.is_not(None)),
    Snapshot(PledgeWithdrawn, Pledge, events.pledge_withdrawn, where=Pledge.withdrawn),
    Snapshot(PledgeChanged, Pledge, events.pledge_changed, where=(Pledge.version > 1) & ~Pledge.withdrawn),
    Snapshot(PledgeOffered, Pledge, events.pledge_offered),
)
