"""Snapshots that notify republishes: every delivered notice."""

from chassis.messaging.snapshots import Snapshot
from contracts.notify import NoticeDelivered
from notify.events import notice_delivered
from notify.model import Notice

SNAPSHOTS = (Snapshot(NoticeDelivered, Notice, notice_delivered, where=Notice.channel == "in_app"),)
