"""Sending events once more to one listener: subscriptions, pace, and the position to continue from."""

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.failures import Parser, describe
from chassis.messaging.broker import BROKER_ERRORS, Publisher, connected, count_waiting, message_for
from chassis.messaging.subscription import Subscription
from chassis.settings import Settings
from chassis.start import installed_service
from contracts.event import Envelope, every_event, listeners, name_of, producer_of

PAGE = 1000
MAX_WAITING = 50_000


class ResendRefused(Exception):
    """The request would do harm, or nothing; the text says why."""


class Entry(NamedTuple):
    """One event to resend, and the mark after which the next page begins."""

    mark: str
    envelope: Envelope
    body: str | bytes


@dataclass(frozen=True)
class Source:
    """All events of one subscription to resend: how to count them, and how to read a page after a mark ("" is the beginning)."""

    subscription: Subscription
    count: Callable[[Session], int]
    page: Callable[[Session, str], Sequence[Entry]]

    @property
    def name(self) -> str:
        """The name of the event on the wire."""
        return name_of(self.subscription.event)


def subscriptions_of(producer: str, listener: str, wanted: Collection[str] = ()) -> list[Subscription]:
    """Return the subscriptions of the listener to the producer's events, all or the wanted ones, by `listeners.json`.

    Raises `ResendRefused` when there is none.
    """
    heard = sorted(
        name for name, event in every_event().items() if producer_of(event) == producer and listener in listeners().get(name, ())
    )
    if strangers := sorted(set(wanted) - set(heard)):
        raise ResendRefused(
            f"{listener} does not listen to {', '.join(strangers)} of {producer}; it listens to {', '.join(heard) or 'nothing'}"
        )
    if not heard:
        raise ResendRefused(f"{listener} listens to nothing that {producer} tells")
    return [Subscription(listener, every_event()[name]) for name in heard if not wanted or name in wanted]


def resend_all(
    database: Database, settings: Settings, sources: Sequence[Source], after: str = "", most_waiting: int = MAX_WAITING
) -> Iterator[tuple[int, str]]:
    """Resend the sources one after the other, a page at a time; yield for each page its length and the position reached.

    Waits while more than `most_waiting` events wait in the queue. Raises `ResendRefused` when a queue is missing or accepts nothing, or
    when the position `after` lies in none of the sources; one of `BROKER_ERRORS` when the broker is lost.
    """
    name, _, mark = after.partition("/")
    if name and name not in (names := [source.name for source in sources]):
        raise ResendRefused(f"{after} is no position among {', '.join(names)}")
    with connected(settings.broker_url, settings.heartbeat_seconds) as connection:
        publisher = Publisher(connection, confirm_seconds=60)
        for source in sources[[source.name for source in sources].index(name) if name else 0 :]:
            while True:
                _wait_for_room(publisher, source.subscription.queue, most_waiting)
                with database.begin() as session:
                    entries = source.page(session, mark)
                if not entries:
                    break
                safe, unwanted = publisher.publish(message_for(entry.envelope, entry.body, source.subscription.queue) for entry in entries)
                if unwanted or len(safe) < len(entries):
                    raise ResendRefused(f"{source.subscription.queue} does not take what is told")
                mark = entries[-1].mark
                yield len(entries), f"{source.name}/{mark}"
            mark = ""


def _wait_for_room(publisher: Publisher, queue: str, most_waiting: int) -> None:
    while (waiting := count_waiting(publisher.connection, queue)) is not None:
        if waiting <= most_waiting:
            return
        publisher.idle(1.0)
    raise ResendRefused(f"there is no queue {queue}: run `python -m chassis.topology {queue.partition('.')[0]}` first")


def arguments_of(doc: str | None, **kinds: dict[str, object]) -> argparse.Namespace:
    """Parse the command line that `replay` and `retell` share, with the further options in `kinds`."""
    parser = Parser(description=doc)
    parser.add_argument("producer", type=installed_service, help="the service that published the events")
    parser.add_argument("--to", required=True, metavar="LISTENER", help="the one service that gets them")
    parser.add_argument("--event", nargs="+", default=[], help="names as on the wire, need_published; without: all it listens to")
    parser.add_argument("--after", default="", metavar="POSITION", help="go on where an earlier run ended")
    parser.add_argument("--most-waiting", type=int, default=MAX_WAITING, help="wait while more wait in the queue")
    for name, options in kinds.items():
        parser.add_argument(f"--{name}", **options)  # type: ignore[arg-type]
    return parser.parse_args()


def run(given: argparse.Namespace, settings: Settings, sources: Callable[[Database], Sequence[Source]]) -> None:
    """Resend the sources with a progress bar; print the count and the position. On failure, exit saying how to continue."""
    database = Database.of(settings, "again")
    count, position, problem = 0, given.after, None
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    try:
        found = sources(database)
        with Progress(*columns, console=Console(stderr=True)) as progress:
            with database.begin() as session:
                total = sum(source.count(session) for source in found)
            task = progress.add_task(f"重述 {given.producer} → {given.to}", total=total)
            for length, reached in resend_all(database, settings, found, given.after, given.most_waiting):
                count, position = count + length, reached
                progress.update(task, advance=length, description=reached.partition("/")[0])
    except ResendRefused as refused:
        problem = str(refused)
    except (*BROKER_ERRORS, DBAPIError) as error:
        problem = f"interrupted: {describe(error)}"
    except KeyboardInterrupt:
        problem = "interrupted"
    finally:
        database.close()
    print(json.dumps({"told": count, "position": position}))
    if problem:
        sys.exit(f"{problem}" + (f"; go on with --after {position}" if position else ""))
