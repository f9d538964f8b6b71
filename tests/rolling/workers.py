"""Roles replaced as a Deployment does: the new process gets ready beside the old one, which then stops."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from chassis.testing import forkserver
from chassis.testing.folders import kept_ports
from tests.faults.proxy import Wire
from tests.faults.scene import MODULES, ROOT

READY_SECONDS, FINISH_SECONDS = 90, 40
REMOVED_AFTER_SECONDS = 1.0
"""For so long new connections still come to a process that was told to stop: whoever sends them does not know yet."""
DRAIN_SECONDS = 3.0


@dataclass(frozen=True)
class Member:
    """One process with the ports of its service and its health."""

    process: subprocess.Popen[bytes] | forkserver.Fork
    port: int
    health: str

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(self.health, timeout=2, trust_env=False).status_code == 200
        return False

    def lives(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """Kill the process and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Workers:
    """The processes of one role, such as `needs-web`. A web role has one address, `wire`, for all of them.

    With `is_forked` each goes on as a fork, which starts sooner, instead of being started as operators do.
    """

    def __init__(self, name: str, folder: Path, is_forked: bool = False) -> None:
        self.name = name
        self._is_forked = is_forked
        self.service, _, self.role = name.partition("-")
        self.wire = Wire() if self.role == "web" else None
        self._folder = folder
        self._members: list[Member] = []
        self._starts = 0

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the role; later processes get this `environment` too."""
        self._environment = environment
        self._members.append(self._started())
        self._lead(*self._members)

    def get_ready(self) -> None:
        """Wait for the newest process. Raises RuntimeError when it does not become ready."""
        newest, deadline = self._members[-1], time.monotonic() + READY_SECONDS
        while not newest.is_ready():
            if not newest.lives() or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not get ready: see {self._log}")
            time.sleep(0.05)

    def start_next(self) -> None:
        """Start the new process beside the old one."""
        self._members.append(self._started())

    def stop_old(self) -> None:
        """Wait until the new process is ready, and tell the old one to stop. New connections go to both for a moment more."""
        self.get_ready()
        self._lead(*self._members)
        self._members[0].process.send_signal(signal.SIGTERM)

    def wait_for_old(self) -> None:
        """Lead new connections to the new process alone. Raises RuntimeError unless the old one ends well and in time."""
        old = self._members.pop(0)
        self._lead(*self._members)
        try:
            code: int | str = old.process.wait(DRAIN_SECONDS + FINISH_SECONDS)
        except subprocess.TimeoutExpired:
            code = "nothing in time"
        old.end()
        if code:
            raise RuntimeError(f"{self.name}, told to stop, ended with {code}: see {self._log}")

    def close(self) -> None:
        for member in self._members:
            member.end()
        if self.wire:
            self.wire.close()

    def _lead(self, *members: Member) -> None:
        if self.wire:
            self.wire.to_ports = tuple(member.port for member in members)

    @property
    def _log(self) -> Path:
        return self._folder / f"{self.name}.log"

    def _started(self) -> Member:
        self._starts += 1
        port, measured = kept_ports(self._folder / f"{self.name}.{self._starts}.ports", 2)
        module = "chassis.http" if self.wire else MODULES[self.role]
        environment = {**self._environment, "PORT": str(port), "METRICS_PORT": str(measured)}
        process: subprocess.Popen[bytes] | forkserver.Fork
        if self._is_forked:
            process = forkserver.start([module, self.service], environment, self._log, cwd=ROOT)
        else:
            command = ["setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-W", "ignore", "-m", module, self.service]
            with self._log.open("ab") as log:
                process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        return Member(process, port, f"http://127.0.0.1:{port if self.wire else measured}/readyz")


def replace(groups: Sequence[Workers]) -> None:
    """Make a rolling restart of some roles at the same time, as several Deployments make theirs. Raises RuntimeError if one goes wrong."""
    for workers in groups:
        workers.start_next()
    for workers in groups:
        workers.stop_old()
    time.sleep(REMOVED_AFTER_SECONDS)
    for workers in groups:
        workers.wait_for_old()
