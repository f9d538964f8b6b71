"""The audit: run all checks, and report their results every hour."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from matching.checks import derived, pairs, publication, quantities
from matching.checks.check import Check

log = logging.getLogger("matching.checks.watch")

CHECKS: tuple[Check, ...] = (
    *derived.DISPUTES,
    *quantities.CHECKS,
    *pairs.CHECKS,
    *derived.REFUSAL_RULES,
    *publication.CHECKS,
    *derived.BALANCE,
    *derived.FAIRNESS,
    *derived.RELIABILITY,
)
"""All checks, in the order in which they run; a new kind of row that must add up gets one."""
HOURS = 2
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('matching.audit'))")
_TIMEOUT = text("SET LOCAL statement_timeout = '15min'")
_REPORT = text("UPDATE audit_report SET completed_at = clock_timestamp(), offended = CAST(:codes AS text[])")


@dataclass(frozen=True)
class Finding:
    """The result of one check: `row` holds the ids of the first row that breaks it, or None."""

    check: Check
    row: dict[str, str] | None
    seconds: float


def run_checks(session: Session, since: datetime | None = None) -> Iterator[Finding]:
    """Run all checks one after the other; look for the events of acts from `since`, or as far back as the journal reaches."""
    session.execute(_TIMEOUT)
    for check in CHECKS:
        began = perf_counter()
        row = session.execute(text(check.statement), check.parameters(session, since)).mappings().first()
        yield Finding(check, _as_text(row) if row else None, perf_counter() - began)


def report_audit(session: Session) -> None:
    """Run all checks unless another process does; store the report and log the rows found. Events are checked for the last hours.

    An audit that ends early stores nothing: its age goes on growing, and an alert reads that.
    """
    if not session.scalar(_LOCK):
        return
    offended = []
    for finding in run_checks(session, now() - timedelta(hours=HOURS)):
        if finding.row:
            offended.append(finding.check.code)
            log.error("the book does not add up", extra={"kind": finding.check.code, "row": list(finding.row.values())})
    session.execute(_REPORT, {"codes": encode_array(offended)})


def _as_text(row: Any) -> dict[str, str]:
    return {name: str(value) for name, value in row.items()}
