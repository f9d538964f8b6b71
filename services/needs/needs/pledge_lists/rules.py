"""Rules of lists of pledges: which lines offer the same, and until when a day lasts. Pure functions."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from chassis.data.encryption import fingerprint
from chassis.working_days import CHINA

COMPARED = ("category", "quantity", "region", "best_before", "limit_per_household", "note")
"""Fields that two lines share if they offer the same. The validity is none of them: a list sent a day later may state another."""


def digest_line(giver_id: UUID, line: Mapping[str, Any]) -> bytes:
    """Return 32 bytes that are equal for lines of one giver that offer the same."""
    stated = [line.get(name) for name in COMPARED]
    return fingerprint("pledge line " + json.dumps([str(giver_id), *stated], default=str, ensure_ascii=False))


def end_of_day(day: str) -> datetime:
    """Return the last second of a day in China, such as 2026-12-31."""
    return datetime.combine(date.fromisoformat(day), time(23, 59, 59), CHINA)
