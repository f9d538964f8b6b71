"""Queries of self-reports. SQL decides which rows their caller may see."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below, now
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.self_reports.model import SelfReport


def list_self_reports(
    session: Session, caller: Caller, region: str = "", state: str | None = None, overdue: bool = False, **paging: Any
) -> dict[str, Any]:
    """Read a page of the reports in the regions that the caller manages or audits, newest first."""
    conditions = [caller.within(SelfReport.region), below(SelfReport.region, region)]
    conditions += [SelfReport.state == state] if state else []
    conditions += [_is_overdue(now())] if overdue else []
    return page(session, select(SelfReport).where(*conditions), SelfReport.id, **paging)


def get_self_report(session: Session, caller: Caller, report_id: UUID, *, lock: bool = False) -> SelfReport:
    """Get a report in the caller's regions; locked on request. Raises `not_found`."""
    query = select(SelfReport).where(SelfReport.id == report_id, caller.within(SelfReport.region))
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        raise not_found()
    return found


def count_opened(session: Session, region: str, since: datetime) -> int:
    """Count the reports of a village that were opened since a moment."""
    opened = select(func.count()).select_from(SelfReport).where(SelfReport.region == region, SelfReport.opened_at >= since)
    return session.scalar(opened) or 0


def _is_overdue(at: datetime) -> ColumnElement[bool]:
    late: Mapping[str, ColumnElement[bool]] = {
        "open": or_(SelfReport.visit_by <= at, SelfReport.decide_by <= at),
        "visited": SelfReport.decide_by <= at,
    }
    return or_(*(and_(SelfReport.state == state, is_late) for state, is_late in late.items()))
