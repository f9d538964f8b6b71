"""What notify tells anew: every notice that reached somebody."""

from chassis.messaging.snapshots import Story
from contracts.notify import NoticeDelivered
from notify import actions
from notify.model import Notice

SNAPSHOTS = (Story(NoticeDelivered, Notice, actions.delivered, where=Notice.state == "delivered"),)
