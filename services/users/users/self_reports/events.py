"""Events of self-reports, made from their rows: when an act is done, and whenever it is published again."""

from contracts.users import SelfReportOpened
from users.self_reports.model import SelfReport


def self_report_opened(report: SelfReport) -> SelfReportOpened:
    """Make the event of a report whose clock started, as it was then. Raises ValueError while it waits."""
    if report.opened_at is None or report.visit_by is None or report.decide_by is None:
        raise ValueError("the report waits")
    return SelfReportOpened(
        version=1,
        self_report_id=report.id,
        region=report.region,
        visit_by=report.visit_by,
        decide_by=report.decide_by,
        opened_at=report.opened_at,
    )
