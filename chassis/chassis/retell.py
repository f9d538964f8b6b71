"""Resends the present state of a service's rows to one listener, as events: `python -m chassis.retell needs --to matching`.

This is for a listener that was added or restored when the journal no longer holds all events. Ids are the same each time and versions are
those first published, so nothing changes for a listener that knows them.
"""

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.failures import one_line_failures
from chassis.messaging import resend
from chassis.messaging.consumer import Handles
from chassis.messaging.events import ServiceWorker, entrypoints_of
from chassis.messaging.resend import Entry, ResendRefused, Source
from chassis.messaging.snapshots import Snapshot, envelope_for
from chassis.messaging.subscription import Subscription
from chassis.start import read_settings
from contracts.event import encode, name_of, refusals


def sources(producer: str, subscriptions: Sequence[Subscription]) -> list[Source]:
    """Return the snapshots of the producer for these subscriptions. Raises `ResendRefused` when one is missing."""
    snapshots: Sequence[Snapshot] = import_module(f"{producer}.snapshots").SNAPSHOTS
    found = {subscription.event: subscription for subscription in subscriptions}
    if untold := sorted(name_of(event) for event in found.keys() - {snapshot.event for snapshot in snapshots}):
        raise ResendRefused(f"{producer} cannot retell {', '.join(untold)}")
    return [
        Source(found[snapshot.event], snapshot.count, partial(_page, snapshot=snapshot))
        for snapshot in snapshots
        if snapshot.event in found
    ]


def refuse_acting_listener(listener: str, subscriptions: Sequence[Subscription]) -> None:
    """Raise `ResendRefused` when the listener would repeat something irreversible upon old events, by `refusals.json`.

    The events that the chassis itself handles for every service only fill a table.
    """
    recorded = {entrypoint.event for _, entrypoint in entrypoints_of(ServiceWorker) if isinstance(entrypoint, Handles)}
    acting = [subscription for subscription in subscriptions if subscription.event not in recorded]
    if acting and listener in refusals():
        names = ", ".join(name_of(subscription.event) for subscription in acting)
        raise ResendRefused(f"{listener} refuses to be retold {names}: {refusals()[listener]}")


def _page(session: Session, mark: str, snapshot: Snapshot) -> list[Entry]:
    try:
        after = UUID(mark) if mark else None
    except ValueError:
        raise ResendRefused(f"{mark} is no id") from None
    return [
        Entry(str(key), envelope_for(event, snapshot.edition), encode(event)) for key, event in snapshot.page(session, after, resend.PAGE)
    ]


@one_line_failures
def main() -> None:
    """Resend what the command line asks for."""
    given = resend.arguments_of(__doc__)

    def found(_: object) -> list[Source]:
        subscriptions = resend.subscriptions_of(given.producer, given.to, given.event)
        refuse_acting_listener(given.to, subscriptions)
        return sources(given.producer, subscriptions)

    resend.run(given, read_settings(given.producer), found)


if __name__ == "__main__":
    main()
