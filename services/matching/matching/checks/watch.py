"""The audit as it runs beside the service: every hour, with a gauge for each check and a line for each row that offends."""

import logging
from datetime import timedelta

from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import now
from matching.checks import audit

log = logging.getLogger(__name__)
HOURS = 2
_OFFENDED = Gauge("duijie_audit_offended", "1 when the last audit found a row for which a check does not hold, else 0", ["check"])
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('matching.audit'))")


def report_audit(session: Session) -> None:
    """Run every check, unless another process is at it; events are looked for among the acts of the last hours."""
    if not session.scalar(_ALONE):
        return
    for finding in audit(session, now() - timedelta(hours=HOURS)):
        _OFFENDED.labels(finding.check.code).set(finding.row is not None)
        if finding.row:
            log.error("the book does not add up", extra={"kind": finding.check.code, "row": list(finding.row.values())})
