"""Reporting oneself, proving the phone, opening what waited, visiting and deciding."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import Problem, not_found
from chassis.working_days import CHINA, deadline_after
from users.codes import actions as codes
from users.codes.asking import Asker
from users.households.queries import require_household
from users.problems import too_many_codes
from users.self_reports import queries, rules
from users.self_reports.events import self_report_opened
from users.self_reports.model import SelfReport

LOCKS = 0x7265706F
"""The class of advisory locks for the daily bound of a village."""
AT_ONCE = 500


def report_oneself(session: Session, asker: Asker, wanted: Mapping[str, Any]) -> SelfReport:
    """Keep a report, and ask for a code to its phone, if it has one. Without a code left for today the phone stays unproven.

    Whoever reports learns nothing of what the village knows about them.
    """
    report = SelfReport(id=new_id(), state="waiting", reported_at=now(), is_provisional=False, version=1, **wanted)
    if report.phone:
        try:
            report.code_id = codes.request_code(session, asker, "self_report", report.phone).id
        except too_many_codes:
            report.code_id = None
    _lock_village(session, report.region)
    if _has_room(session, report.region, report.reported_at):
        _open(session, report)
    session.add(report)
    session.flush()
    return report


def prove_phone(session: Session, code_id: UUID, code: str) -> SelfReport | Problem:
    """Note that whoever reported has the phone. Returns the problem with a code after counting the try."""
    used = codes.use_code(session, "self_report", code_id, code)
    if isinstance(used, Problem):
        return used
    report = session.scalars(select(SelfReport).where(SelfReport.code_id == code_id).with_for_update()).first()
    if report is None:
        return not_found()
    report.phone_proven_at = now()
    report.version += 1
    session.flush()
    return report


def open_waiting(session: Session) -> int:
    """Open the reports that waited, oldest first, as far as their villages have room today; return their number."""
    at, opened = now(), 0
    waiting = SelfReport.state == "waiting"
    villages = session.scalars(select(SelfReport.region).where(waiting).distinct().order_by(SelfReport.region).limit(AT_ONCE)).all()
    for village in villages:
        _lock_village(session, village)
        room = rules.A_DAY - queries.count_opened(session, village, _begin_of_day(at))
        due = select(SelfReport).where(waiting, SelfReport.region == village).order_by(SelfReport.id).limit(max(0, room))
        due = due.with_for_update(skip_locked=True)
        for report in session.scalars(due).all():
            _open(session, report)
            report.version += 1
            opened += 1
    session.flush()
    return opened


def visit_self_report(session: Session, caller: Caller, report_id: UUID) -> SelfReport:
    """Note that the village visited whoever reported. A report that waited is opened by it."""
    report = queries.get_self_report(session, caller, report_id, lock=True)
    versions.check_if_match(session, report)
    if problem := rules.find_visit_problem(caller, report):
        raise problem
    if report.state == "waiting":
        _start_clock(report)
    report.state, report.visited_at, report.visited_by = "visited", now(), caller.id
    report.version += 1
    session.flush()
    return report


def decide_self_report(
    session: Session, caller: Caller, report_id: UUID, outcome: str, reason: str | None = None, household_id: UUID | None = None
) -> SelfReport:
    """Admit or decline whoever reported. `household_id` names their entry in the village's register. Raises `unknown_household`."""
    report = queries.get_self_report(session, caller, report_id, lock=True)
    versions.check_if_match(session, report)
    if problem := rules.find_decision_problem(caller, report):
        raise problem
    if household_id is not None:
        require_household(session, household_id, report.region)
    report.state, report.reason, report.household_id = outcome, reason, household_id
    report.decided_at, report.decided_by = now(), caller.id
    report.version += 1
    session.flush()
    return report


def _open(session: Session, report: SelfReport) -> None:
    """Start the clock of a report and tell its village."""
    _start_clock(report)
    outbox.add(session, self_report_opened(report))


def _start_clock(report: SelfReport) -> None:
    at = now()
    visit, decision = (deadline_after(at, days) for days in (rules.VISIT_DAYS, rules.DECISION_DAYS))
    report.state, report.opened_at, report.visit_by, report.decide_by = "open", at, visit.at, decision.at
    report.is_provisional = visit.is_provisional or decision.is_provisional


def _lock_village(session: Session, region: str) -> None:
    session.execute(select(func.pg_advisory_xact_lock(LOCKS, func.hashtext(region))))


def _has_room(session: Session, region: str, at: datetime) -> bool:
    return queries.count_opened(session, region, _begin_of_day(at)) < rules.A_DAY


def _begin_of_day(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(CHINA).date(), time.min, CHINA)
