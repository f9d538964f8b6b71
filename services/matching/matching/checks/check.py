"""A check of the audit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session


def _no_parameters(session: Session, since: datetime | None) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Check:
    """`code` is stable, and `holds` states the rule. `statement` selects the ids and codes of the first row that breaks it.

    `parameters` computes the parameters of the statement from the time at which the search for events starts.
    """

    code: str
    holds: str
    statement: str
    parameters: Callable[[Session, datetime | None], dict[str, Any]] = _no_parameters
