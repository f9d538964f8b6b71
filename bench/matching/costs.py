"""Processor time of each process, with the database's backends counted for the process they serve."""

from collections import defaultdict
from collections.abc import Mapping

import psutil

from bench.matching.scene import Running, Scene

_BACKENDS = "SELECT pid, application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Costs:
    """Processor time of these processes and their database backends between `begin` and `spent`."""

    def __init__(self, scene: Scene, database: str, processes: Mapping[str, Running]) -> None:
        self._scene, self._database, self._processes = scene, database, processes
        self._before: dict[str, float] = {}

    def begin(self) -> None:
        self._before = self._now()

    def spent(self, per: float) -> dict[str, float]:
        """Return the milliseconds since `begin`, divided by `per`."""
        after = self._now()
        return {part: 1000 * (after[part] - self._before[part]) / per for part in sorted(after)}

    def _now(self) -> dict[str, float]:
        found = defaultdict[str, float](float, {role: seconds_of(process.pid) for role, process in self._processes.items()})
        with self._scene.connect(self._database) as connection:
            for pid, name in connection.execute(_BACKENDS):
                found[f"database for {name}"] += seconds_of(int(str(pid)))
        found["broker"] = seconds_of(self._scene.broker.pid)
        return found


def seconds_of(pid: int) -> float:
    """Return the processor seconds of a process and its children, 0 when it is gone."""
    try:
        one = psutil.Process(pid)
        return sum(sum(process.cpu_times()[:2]) for process in (one, *one.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0.0
