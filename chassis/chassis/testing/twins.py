"""A pytest plugin for twins: tests with a guard taken out, marked as strict xfail; and the means to take a guard out."""

import inspect
import textwrap
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import pytest
from sqlalchemy import TextClause, text


class Unusable(Exception):
    """A test could not begin, which says nothing about its guard."""


BROKEN = (AttributeError, ImportError, NameError, Unusable)
F = TypeVar("F", bound=Callable[..., Any])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a twin that is itself broken: a name that moved, or a process that does not start, says nothing about the guard."""
    report = yield
    if call.excinfo is not None and hasattr(report, "wasxfail") and call.excinfo.errisinstance(BROKEN):
        report.outcome = "failed"
        report.longrepr = item.repr_failure(call.excinfo)
        del report.wasxfail
    return report


def unguarded(change: object, reason: str) -> Any:
    """Make a parameter that takes a guard out; the test must fail with it, for the `reason`."""
    failures = (AssertionError, pytest.fail.Exception)
    return pytest.param(change, marks=pytest.mark.xfail(strict=True, raises=failures, reason=reason))


def altered(function: F, guard: str, instead: str = "") -> F:
    """Return the function with one part of its source replaced, for a twin. Raises `Unusable` unless the part is there exactly once.

    Everything else of the function stays as it is, so a twin takes out the guard alone.
    """
    source = _replaced(textwrap.dedent(inspect.getsource(function)), guard, instead)
    made: dict[str, Any] = {}
    exec(compile(source, f"<{function.__name__} without its guard>", "exec"), function.__globals__, made)
    changed: F = made[function.__name__]
    return changed


def altered_sql(statement: TextClause, guard: str, instead: str = "") -> TextClause:
    """Return the statement with one part replaced; otherwise as `altered`."""
    return text(_replaced(statement.text, guard, instead))


def _replaced(source: str, guard: str, instead: str) -> str:
    if source.count(guard) != 1:
        raise Unusable(f"{guard!r} is there {source.count(guard)} times")
    return source.replace(guard, instead)
