"""Fixtures of all tests, and which process runs which tests when several test at a time."""

import gc
import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from chassis.testing.fixtures import database_of, keys, postgres, rabbitmq
from chassis.testing.listed_problems import only_listed_problems
from chassis.testing.twins import pytest_runtest_makereport

__all__ = ["database_of", "keys", "only_listed_problems", "postgres", "pytest_runtest_makereport", "rabbitmq"]

ON_THE_STACK = tuple(
    f"tests/end_to_end/test_{name}.py" for name in ("story", "canary", "stalled", "rates", "trace", "panels", "users", "register")
)
ON_STAGES = ("tests/fuzz", "tests/access")
TOGETHER: dict[str, tuple[str, ...]] = {"the stack": ON_THE_STACK, "the pages": ("tests/pages",)}
"""Tests that share a costly fixture run in one process."""
if "CAMPAIGN" not in os.environ:
    # Whole, each of these is a long file with servers of its own.
    TOGETHER = {
        "the stack": ("tests/end_to_end",),
        "the pages": ("tests/pages",),
        "servers that may die": ("tests/faults", "tests/rolling"),
        "each service's stage": ON_STAGES,
    }
APART = ("services/matching/tests/plain/test_plain.py::test_random_acts", "services/needs/tests/plain/test_lives.py::test_random_acts")
"""Tests so long that each is sent to a process by itself, apart from its file."""
LONGEST = [
    "tests/end_to_end/test_getusppe.py", "services/matching/tests/plain", "tests/rolling", "tests/faults", ON_STAGES, "tests/restore",
    "tests/end_to_end", "tests/pages", "chassis/tests/test_delivery.py", "tests/integration/test_new_service.py",
    "chassis/tests", "tests/integration", "tests/deploy", "tests/contract", "services/matching/tests/test_audit.py",
]  # fmt: skip
"""The longest run first: one that comes last leaves the other processes idle."""


def pytest_configure() -> None:
    """Collect no garbage while thousands of tests are collected, all of which stay: it took a third of that time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave the collected tests out of every later garbage collection."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((place for place, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST))

    items.sort(key=rank)


class GroupScheduling(LoadScopeScheduling):
    """A scheduler that sends a group to one process, and a file without a group too."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(APART):
            return nodeid
        return next((group for group, starts in TOGETHER.items() if nodeid.startswith(starts)), nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    return GroupScheduling(config, log)
