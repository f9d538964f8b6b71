"""One check: its stable code, what it holds, and the statement that finds the first row of which that is not true."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session


def _nothing(session: Session, since: datetime | None) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Check:
    """`statement` gives ids and codes only, of one row at most; `stated` says what it is told of the time from which to look."""

    code: str
    holds: str
    statement: str
    stated: Callable[[Session, datetime | None], dict[str, Any]] = _nothing
