"""The deadline to send an accepted match, and its reminders."""

import tomllib
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from matching.book.best_before import limit_sending
from matching.book.model import Match

LAST_REMINDER = timedelta(days=2)
"""The second reminder is due so long before the deadline, the first one after half of the time."""


def time_to_send(category: str) -> timedelta:
    """Return how long the giver of an item may take to send it, from the acceptance on."""
    days, parts = _table()["days"], category.split(".")
    around = (".".join(parts[:depth]) for depth in range(len(parts), 0, -1))
    return timedelta(days=next((days[path] for path in around if path in days), _table()["default"]))


def set_send_deadline(match: Match, accepted_at: datetime) -> None:
    """Set until when an accepted match has to be sent, and when its giver is first reminded.

    Goods with a best-before date are sent so early that they arrive in time, but never at once.
    """
    match.send_by = limit_sending(accepted_at + time_to_send(match.category), match.best_before, accepted_at)
    match.send_reminder_at = accepted_at + (match.send_by - accepted_at) / 2


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("matching").joinpath("matches/deadlines.toml").read_text("utf-8"))
