"""A pytest plugin for twins: tests with a guard taken out, marked as strict xfail."""

from collections.abc import Generator

import pytest


class Unusable(Exception):
    """A test could not begin, which says nothing about its guard."""


BROKEN = (AttributeError, ImportError, NameError, Unusable)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a twin that is itself broken: a name that moved, or a process that does not start, says nothing about the guard."""
    report = yield
    if call.excinfo is not None and hasattr(report, "wasxfail") and call.excinfo.errisinstance(BROKEN):
        report.outcome = "failed"
        report.longrepr = item.repr_failure(call.excinfo)
        del report.wasxfail
    return report
