"""Metrics of the last audit."""

from collections.abc import Iterator
from math import nan

from prometheus_client import REGISTRY
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from chassis.data.database import Database
from matching.checks.actions import CHECKS

_READ = text("SELECT extract(epoch FROM clock_timestamp() - completed_at)::float8 AS age, offended FROM audit_report")


class AuditMetrics(Collector):
    """Reads the report of the last audit from the database on each scrape, so that a restart forgets nothing.

    A process without a `database` shows nothing. While the database is unavailable, the age is NaN and no check is shown.
    """

    database: Database | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the age of the last complete audit, and which checks it found broken."""
        if self.database is None:
            return
        age, offended = self._families()
        try:
            with self.database.begin() as session:
                report = session.execute(_READ).one()
        except SQLAlchemyError:
            age.add_metric([], nan)
        else:
            age.add_metric([], max(0.0, report.age))
            for code in sorted({check.code for check in CHECKS} | {*report.offended}):
                offended.add_metric([code], code in report.offended)
        yield from (age, offended)

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily("duijie_audit_age_seconds", "Time since the last complete audit, at first since the installation"),
            GaugeMetricFamily(
                "duijie_audit_offended", "1 when the last audit found a row for which a check does not hold, else 0", labels=["check"]
            ),
        )


AUDIT = AuditMetrics()
REGISTRY.register(AUDIT)
