"""Snapshots for republishing: the catalogue, every need in its present state, every pledge, silent villages. Endings come first."""

from chassis.messaging.snapshots import Snapshot
from contracts.needs import (
    CatalogueChanged,
    NeedAnswerJudged,
    NeedClosed,
    NeedConfirmed,
    NeedExpired,
    NeedExpiring,
    NeedFiguresChanged,
    NeedMet,
    NeedMoved,
    NeedPosted,
    NeedPublished,
    NeedRejected,
    NeedRenewed,
    NeedReopened,
    NeedReported,
    NeedReturned,
    NeedWithdrawn,
    PledgeChanged,
    PledgeExpiring,
    PledgeOffered,
    PledgeWithdrawn,
    ReviewOverdue,
    ReviewReminded,
    VerificationFaulted,
    VillageFellSilent,
)
from needs import events
from needs.answered.events import answer_judged
from needs.answered.model import Answer
from needs.catalogue.events import catalogue_changed
from needs.catalogue.model import CatalogueItem
from needs.choosing.events import pledge_expiring
from needs.figures.events import need_figures_changed
from needs.figures.model import NeedFigures
from needs.life import events as life
from needs.life.model import Village
from needs.model import Need, Pledge
from needs.reopening.events import need_reopened
from needs.samples.events import verification_faulted
from needs.samples.model import Sample

WAITS = Need.state.in_(("posted", "confirmed"))
STAGED = Need.stage_version.is_not(None)
SNAPSHOTS = (
    Snapshot(CatalogueChanged, CatalogueItem, catalogue_changed, where=CatalogueItem.published_version > 0),
    Snapshot(NeedWithdrawn, Need, events.need_withdrawn, where=Need.state == "withdrawn"),
    Snapshot(NeedClosed, Need, events.need_closed, where=Need.state == "closed"),
    Snapshot(NeedExpired, Need, life.need_expired, where=Need.state == "expired"),
    Snapshot(NeedMet, Need, life.need_met, where=Need.state == "met"),
    Snapshot(NeedRejected, Need, events.need_rejected, where=Need.state == "rejected"),
    Snapshot(ReviewOverdue, Need, events.review_overdue, where=WAITS & Need.overdue_version.is_not(None)),
    Snapshot(ReviewReminded, Need, events.review_reminded, where=WAITS & Need.reminded_version.is_not(None)),
    Snapshot(NeedReturned, Need, events.need_returned, where=(Need.state == "returned") & STAGED),
    Snapshot(NeedConfirmed, Need, events.need_confirmed, where=(Need.state == "confirmed") & STAGED),
    Snapshot(NeedPosted, Need, events.need_posted, where=(Need.state == "posted") & STAGED, edition=2),
    Snapshot(NeedReported, Need, events.need_reported, where=Need.hidden & Need.hidden_version.is_not(None)),
    Snapshot(NeedMoved, Need, events.need_moved, where=Need.published_at.is_not(None) & Need.moved_version.is_not(None)),
    Snapshot(NeedRenewed, Need, life.need_renewed, where=Need.renewed_version.is_not(None)),
    Snapshot(NeedReopened, Need, need_reopened, where=Need.reopened_version.is_not(None)),
    Snapshot(NeedExpiring, Need, life.need_expiring, where=Need.expiring_version.is_not(None)),
    Snapshot(NeedPublished, Need, events.need_published, where=Need.published_at.is_not(None)),
    Snapshot(NeedFiguresChanged, NeedFigures, need_figures_changed),
    Snapshot(PledgeWithdrawn, Pledge, events.pledge_withdrawn, where=Pledge.withdrawn),
    Snapshot(PledgeChanged, Pledge, events.pledge_changed, where=(Pledge.version > 1) & ~Pledge.withdrawn),
    Snapshot(PledgeExpiring, Pledge, pledge_expiring, where=Pledge.reminded_version.is_not(None) & ~Pledge.withdrawn),
    Snapshot(PledgeOffered, Pledge, events.pledge_offered, edition=2),
    Snapshot(VerificationFaulted, Sample, verification_faulted, where=Sample.is_right.is_(False)),
    Snapshot(NeedAnswerJudged, Answer, answer_judged),
    Snapshot(VillageFellSilent, Village, life.village_fell_silent, where=Village.told_at.is_not(None)),
)
