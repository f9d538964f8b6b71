"""Lists, shows, replays and drops dead letters: `python -m chassis.dead_letters list|show|replay|drop SERVICE… [--event …]`.

Times are spans before now (`--older 2d`, `--newer 6h`) or moments (2026-11-23T08:00:00+08:00).
"""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.prompt import Confirm
from rich.table import Column, Table
from sqlalchemy.orm import Session

from chassis.data.database import Database, now
from chassis.failures import Parser, one_line_failures
from chassis.messaging import dead_letters
from chassis.messaging.dead_letters import DeadLetter
from chassis.messaging.redaction import redact
from chassis.ops import telemetry
from chassis.problems import Problem
from chassis.start import installed_service, read_settings

PAGE = 500
WIDE = 160
WARNING = "丢弃后内容无法恢复。What is dropped cannot be had back. Drop?"
SPANS = {"m": "minutes", "h": "hours", "d": "days"}


def show_list(database: Database, service: str, wanted: dict[str, Any], console: Console) -> None:
    """Print a table of the selected dead letters."""
    table = Table(Column("id", no_wrap=True, min_width=36), "event", "reason", "attempts", "parked", title=f"{service}: 死信 dead letters")
    for letter in _letters(database, wanted):
        table.add_row(str(letter.id), letter.name, letter.reason, str(letter.attempts), f"{letter.parked_at:%Y-%m-%d %H:%M:%S}Z")
    console.print(table)


def show_fields(database: Database, service: str, wanted: dict[str, Any], console: Console) -> None:
    """Print the redacted fields of each selected dead letter."""
    for letter in _letters(database, wanted):
        with database.begin() as session:
            shown = redact(letter.name, session.get_one(DeadLetter, letter.id).body)
        table = Table("field", "shown", title=f"{letter.id} {letter.name} · {letter.reason} · {letter.event_id}")
        for field, value in shown.items():
            table.add_row(field or "–", value)
        console.print(table)


def settle(act: Callable[[Session, UUID], DeadLetter], word: str) -> Callable[..., bool]:
    """Return a command that calls `act` with each selected dead letter, and prints how many it settled with this `word`."""

    def each(database: Database, service: str, wanted: dict[str, Any], console: Console) -> bool:
        """Settle each in a transaction of its own; return False when one was refused."""
        done, refused = 0, 0
        for letter in _letters(database, wanted):
            try:
                with database.begin() as session:
                    done += act(session, letter.id).state != dead_letters.PARKED
            except Problem as problem:
                refused += 1
                console.print(f"{letter.id} {letter.name}: {problem.code}: {problem.body('en')['title']}")
        console.print(f"{service}: {done} {word}, {refused} refused")
        return not refused

    return each


ACTS: dict[str, Callable[..., Any]] = {
    "list": show_list,
    "show": show_fields,
    "replay": settle(dead_letters.replay, dead_letters.REPLAYED),
    "drop": settle(dead_letters.drop, dead_letters.DROPPED),
}


def _letters(database: Database, wanted: dict[str, Any]) -> Iterator[DeadLetter]:
    """Yield the selected dead letters, oldest first, a page at a time."""
    after: UUID | None = None
    while True:
        query = dead_letters.select_letters(**wanted).order_by(DeadLetter.id).limit(PAGE)
        with database.begin() as session:
            letters = session.scalars(query.where(DeadLetter.id > after) if after else query).all()
        yield from letters
        if len(letters) < PAGE:
            return
        after = letters[-1].id


def _moment(text: str) -> datetime:
    if text[-1:] in SPANS and text[:-1].isdigit():
        try:
            return now() - timedelta(**{SPANS[text[-1]]: int(text[:-1])})
        except OverflowError:
            raise ValueError(text) from None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


@one_line_failures
def main(arguments: list[str] | None = None) -> None:
    """Run the command for each service. Exits with 1 when a dead letter was refused."""
    parser = Parser(prog="python -m chassis.dead_letters", description=__doc__)
    parser.add_argument("act", choices=ACTS)
    parser.add_argument("service", nargs="+", type=installed_service)
    parser.add_argument("--event", help="name as on the wire: need_published")
    parser.add_argument("--reason", help="an error's type, unreadable or delivery_limit")
    parser.add_argument("--older", type=_moment, metavar="TIME", help="parked before")
    parser.add_argument("--newer", type=_moment, metavar="TIME", help="parked after")
    parser.add_argument("--id", type=UUID, nargs="+", default=[])
    parser.add_argument("--yes", action="store_true", help="drop without asking")
    given = parser.parse_args(arguments)
    every_settings = [read_settings(service) for service in given.service]
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    if given.act == "drop" and not given.yes and not Confirm.ask(WARNING, console=console):
        sys.exit("nothing was dropped")
    wanted = {"event": given.event, "reason": given.reason, "parked_after": given.newer, "parked_before": given.older, "ids": given.id}
    went = True
    for settings in every_settings:
        telemetry.start(settings.service, "dead_letters")
        database = Database.of(settings, "dead-letters")
        went &= ACTS[given.act](database, settings.service, wanted, console) is not False
        database.close()
    sys.exit(0 if went else 1)


if __name__ == "__main__":
    main()
