"""The event of notify: a notice reached somebody. It never holds the text."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from contracts.event import Event, Moment


class NoticeDelivered(Event, frozen=True, kw_only=True):
    """A notice arrived on a channel."""

    notice_id: UUID
    recipient_id: UUID
    kind: Annotated[str, Meta(examples=["match_proposed"])]
    about: UUID
    channel: Literal["in_app"]
    delivered_at: Moment
