"""Fixtures every test of the house may use, and who runs what when two test at a time."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from chassis.testing.fixtures import database_of, keys, postgres, rabbitmq
from chassis.testing.twins import pytest_runtest_makereport

__all__ = ["database_of", "keys", "postgres", "pytest_runtest_makereport", "rabbitmq"]

LONGEST = [
    "tests/end_to_end/test_getusppe.py", "services/matching/tests/plain/test_plain.py", "tests/faults/test_campaign.py",
    "tests/rolling/test_rolling.py", "tests/restore",
    "chassis/tests/test_delivery.py", "tests/end_to_end/test_story.py", "tests/end_to_end/test_rates.py", "tests/end_to_end/test_trace.py",
    "tests/fuzz", "chassis/tests/test_relay.py", "tests/integration", "chassis/tests/test_http.py", "chassis/tests/test_servers.py",
    "tests/contract",
]  # fmt: skip
"""A long file that comes last leaves the other process idle."""
ON_THE_STACK = tuple(f"tests/end_to_end/test_{name}.py" for name in ("story", "rates", "trace", "panels"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((place for place, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST))

    items.sort(key=rank)


class FilesOfOneHouseTogether(LoadFileScheduling):
    """A file goes to one process, and so do those that share a started stack: it is started once."""

    def _split_scope(self, nodeid: str) -> str:
        return "the stack" if nodeid.startswith(ON_THE_STACK) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesOfOneHouseTogether:
    return FilesOfOneHouseTogether(config, log)
