"""What must be true of the book at any moment, each check one statement that finds the first row of which it is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from matching.checks import disputes, fairness, figures, lessons, movements, pairs, reliability, telling, units
from matching.checks.check import Check

_ABOUT = (disputes, units, movements, pairs, lessons, telling, figures, fairness, reliability)
CHECKS: tuple[Check, ...] = tuple(check for one in _ABOUT for check in one.CHECKS)
"""A new kind of row that has to add up gets a module here, with its `CHECKS`."""

_MINUTES = text("SET LOCAL statement_timeout = '15min'")


@dataclass(frozen=True)
class Finding:
    """What one check came to: `row` are the ids of the first offending row by id, None when there is none."""

    check: Check
    row: dict[str, str] | None
    seconds: float


def audit(session: Session, since: datetime | None = None) -> Iterator[Finding]:
    """All checks, one after the other. Events are looked for of the acts from `since`, without it of all that the journal reaches."""
    session.execute(_MINUTES)
    for check in CHECKS:
        began = perf_counter()
        row = session.execute(text(check.statement), check.stated(session, since)).mappings().first()
        yield Finding(check, _named(row) if row else None, perf_counter() - began)


def _named(row: Any) -> dict[str, str]:
    return {name: str(value) for name, value in row.items()}
