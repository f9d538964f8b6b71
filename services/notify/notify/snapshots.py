"""What notify tells anew: every notice that reached somebody."""

from chassis.messaging.snapshots import Snapshot
from contracts.notify import NoticeDelivered
from notify import actions
from notify.model import Notice

SNAPSHOTS = (Snapshot(NoticeDelivered, Notice, actions.delivered, where=Notice.state == "delivered"),)
