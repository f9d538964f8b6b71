"""What notify tells: that a notice reached somebody, never what it said."""

from typing import Literal
from uuid import UUID

from contracts.event import Event, Moment


class NoticeDelivered(Event, frozen=True, kw_only=True):
    """A notice arrived on a channel."""

    notice_id: UUID
    recipient_id: UUID
    kind: str
    about: UUID
    channel: Literal["in_app"]
    delivered_at: Moment
