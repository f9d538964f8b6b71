"""Report needs, and clear their reports."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import not_found
from needs import queries
from needs.events import need_reported
from needs.limits.actions import lock_person
from needs.model import Need
from needs.reports import rules
from needs.reports.model import Report
from needs.rules import find_need_problem, view_of


def report_need(session: Session, caller: Caller, need_id: UUID, reason: str) -> Need:
    """Report a published need, once. Enough reports hide it from the hall, and its reviewers are told once."""
    lock_person(session, caller.id)
    need = session.get(Need, need_id, with_for_update={"of": Need})
    if need is None or need.state != "published" or need.hidden:
        raise not_found()
    at = now()
    before = session.get(Report, (need_id, caller.id))
    mine = select(func.count(), func.min(Report.reported_at)).where(Report.account_id == caller.id, Report.reported_at > at - rules.DAY)
    made, oldest = session.execute(mine).one()
    if problem := rules.find_report_problem(reported_before=before is not None, made=made, oldest=oldest, at=at):
        raise problem
    session.add(Report(need_id=need_id, account_id=caller.id, reason=reason, reported_at=at, cleared_at=None, cleared_by=None))
    session.flush()
    standing = session.scalar(select(func.count()).where(Report.need_id == need_id, Report.cleared_at.is_(None))) or 0
    if rules.hides_need(standing):
        need.hidden, need.hidden_at, need.version = True, at, need.version + 1
        need.hidden_version = need.version
        session.flush()
        outbox.add(session, need_reported(need))
    return need


def clear_reports(session: Session, caller: Caller, need_id: UUID) -> Need:
    """Clear the reports of a hidden need as its reviewer; the hall shows it again."""
    need = session.get(Need, need_id, with_for_update={"of": Need})
    if need is None or view_of(caller, need) == "public":
        raise not_found()
    versions.check_if_match(session, need)
    if problem := find_need_problem("clear_reports", caller, need, queries.find_township_managers(session, caller, [need])):
        raise problem
    cleared = update(Report).where(Report.need_id == need_id, Report.cleared_at.is_(None))
    session.execute(cleared.values(cleared_at=now(), cleared_by=caller.id), execution_options={"synchronize_session": False})
    need.hidden, need.version = False, need.version + 1
    session.flush()
    return need
