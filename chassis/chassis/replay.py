"""Resends a service's events to one listener out of the journal: `python -m chassis.replay needs --to matching --since …`.

Events keep their ids, so the listener skips those it has handled. This is for a listener that lost events, or was added while the
journal still holds all of them; otherwise see `chassis.retell`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import Database, now
from chassis.failures import one_line_failures
from chassis.messaging import inbox, journal, resend
from chassis.messaging.outbox import envelope_of
from chassis.messaging.resend import Entry, ResendRefused, Source
from chassis.messaging.subscription import Subscription
from chassis.start import read_settings
from contracts.event import name_of

LEEWAY = timedelta(days=1)
"""Time that a resent event may take to arrive before the inbox of the listener could have forgotten it."""


def sources(subscriptions: Sequence[Subscription], since: datetime | None, until: datetime | None) -> list[Source]:
    """Return for each subscription its events in the journal, published at `since` or later and before `until`.

    Raises `ResendRefused` when `since` is older than what inboxes remember: the listener could handle an event twice.
    """
    oldest = now() - inbox.RETENTION + LEEWAY
    if since and since < oldest:
        raise ResendRefused(f"nothing older than {oldest:%Y-%m-%dT%H:%M}Z can be replayed: inboxes remember {inbox.RETENTION.days} days")
    first, end = since or oldest, until or now()
    return [
        Source(
            subscription,
            count=partial(journal.count, name=name_of(subscription.event), since=first, until=end),
            page=partial(_page, name=name_of(subscription.event), since=first, until=end),
        )
        for subscription in subscriptions
    ]


def _page(session: Session, mark: str, name: str, since: datetime, until: datetime) -> list[Entry]:
    rows = journal.read_page(session, name, since, until, _read(mark), resend.PAGE)
    return [Entry(f"{row.told_at.isoformat()}/{row.id}", envelope_of(row), row.body) for row in rows]


def _read(mark: str) -> tuple[datetime, UUID] | None:
    if not mark:
        return None
    try:
        told_at, _, event_id = mark.partition("/")
        return datetime.fromisoformat(told_at), UUID(event_id)
    except ValueError:
        raise ResendRefused(f"{mark} is no place in a journal") from None


def _moment(text: str) -> datetime:
    """Read a time with its zone, or a date, which begins at midnight UTC."""
    read = datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00Z")
    if read.tzinfo is None:
        raise ValueError(text)
    return read


@one_line_failures
def main() -> None:
    """Resend what the command line asks for."""
    moment = {"type": _moment, "metavar": "TIME"}
    since = moment | {"help": "published then or later: 2026-11-23, or 2026-11-23T08:00:00+08:00"}
    given = resend.arguments_of(__doc__, since=since, until=moment | {"help": "published before"})
    settings = read_settings(given.producer)

    def found(database: Database) -> list[Source]:
        subscriptions = resend.subscriptions_of(given.producer, given.to, given.event)
        if not journal.wait_for_relays(database):
            raise ResendRefused("a relay has been telling for half a minute, and what it tells may not be journal yet: try again")
        return sources(subscriptions, given.since, given.until)

    resend.run(given, settings, found)


if __name__ == "__main__":
    main()
