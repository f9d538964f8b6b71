"""Events as clients get them, and those that a returning client missed."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass

from chassis.data.commit_order import Cursor
from chassis.http.streams.subscriptions import Batch, Source, Subscription

MOST_MISSED = 500
"""The most changes that a stream gets when it comes back; whoever missed more loads the lists anew."""
RETRY_MS = (1_000, 5_000)


@dataclass(frozen=True)
class Event:
    """An event as a client gets it. The id is left out where the place is that of the event before."""

    name: str
    data: bytes
    id: str

    def lines(self) -> bytes:
        """Return the event as lines of a stream."""
        return b"event: %b\nid: %b\ndata: %b\n\n" % (self.name.encode(), self.id.encode(), self.data)


def events_of(events: Iterable[Event], place: str) -> Iterable[bytes]:
    """Return what a stream begins with: the pause before coming back, the missed events, and the place from which on it hears."""
    yield b"retry: %d\n\n" % random.randint(*RETRY_MS)
    yield from (event.lines() for event in events)
    yield Event("ready", b"{}", place).lines()


def list_events(events: Iterable[Event], place: str) -> bytes:
    """Return the one answer of a client that waits: the events, and the place to go on from."""
    items = b",".join(b'{"event":"%b","data":%b}' % (event.name.encode(), event.data) for event in events)
    return b'{"items":[%b],"last_event_id":%b}\n' % (items, json.dumps(place).encode())


def find_missed(source: Source, subscription: Subscription, batch: Batch) -> tuple[list[Event], str]:
    """Find the events that a returning subscriber missed, and the place behind them."""
    place, cursor = batch.snapshot.text, subscription.cursor
    if cursor is None:
        return [], place
    heard = set(subscription.topics)
    changes = [one for one in batch.missed if one.topic in heard and not cursor.has_read(one.transaction, one.subject)]
    is_lost = cursor.seen.first < batch.kept_from or not batch.snapshot.includes(cursor.newest) or len(changes) > MOST_MISSED
    if is_lost:
        return [Event("reset", b"{}", place)], place
    events = []
    for seen, until in ((cursor.seen, cursor.until), (cursor.newest, batch.snapshot)):
        # Who was interrupted within a batch first gets the rest of that batch, with places within it.
        part = [one for one in changes if until is not None and until.sees(one.transaction)]
        changes = [one for one in changes if one not in part]
        for one in part:
            if source.may_hear(one, subscription):
                id = Cursor(seen, until, (one.transaction, one.subject)).text
                events.append(Event(*source.event(one, subscription.language), id))
    return events, place


def chunk(data: bytes) -> bytes:
    """Return data as a chunk of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)
