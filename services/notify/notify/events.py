"""The event that notify publishes, made from the row of a notice."""

from contracts.notify import NoticeDelivered
from notify.model import Notice


def notice_delivered(notice: Notice) -> NoticeDelivered:
    """Make the event for a delivered notice; a notice in the app is delivered as soon as it is written."""
    return NoticeDelivered(
        version=1,
        notice_id=notice.id,
        recipient_id=notice.recipient_id,
        kind=notice.kind,
        about=notice.about,
        channel="in_app",
        delivered_at=notice.created_at,
    )
