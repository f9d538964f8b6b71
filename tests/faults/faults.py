"""The faults of a plan and how each strikes."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import psycopg

from tests.faults.plan import Fault
from tests.faults.scene import Role, Scene

REACHED_SECONDS = 20
STOPPED_SECONDS = 45
Steps = tuple[Callable[[], object] | float, ...]


class Faults:
    """Strikes a scene with faults, from the main thread."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def do(self, fault: Fault) -> bool:
        """Strike; return False when no process passed the moment in time."""
        role = self._scene.roles.get(fault.role)
        if fault.what == "dies" and role:
            return self._dies(role, fault.moment)
        if fault.moment and role:
            return self._while_waiting(role, fault)
        if role:
            self._anytime(role, fault)
        else:
            self._to_server(fault)
        return True

    def _dies(self, role: Role, moment: str) -> bool:
        self._scene.wait(role.is_ready, 30)
        role.tell(moment, "die")
        process = role.process
        struck = self._scene.wait(lambda: process is not None and process.poll() is not None, REACHED_SECONDS)
        role.let_go()
        return struck

    def _while_waiting(self, role: Role, fault: Fault) -> bool:
        self._scene.wait(role.is_ready, 30)
        role.tell(fault.moment, "wait")
        struck = self._scene.wait(lambda: role.waits, REACHED_SECONDS)
        if struck:
            self._to_server(fault)
        role.let_go()
        return struck

    def _anytime(self, role: Role, fault: Fault) -> None:
        if fault.what == "killed":
            role.signal(signal.SIGKILL)
        elif fault.what == "frozen":
            role.signal(signal.SIGSTOP)
            self._pause(fault.seconds)
            role.signal(signal.SIGCONT)
        else:
            process = role.process
            role.signal(signal.SIGTERM)
            if not self._scene.wait(lambda: process is None or process.poll() is not None, STOPPED_SECONDS):
                raise RuntimeError(f"{role.name} was told to stop and runs on")

    def _to_server(self, fault: Fault) -> None:
        """Strike a server; a temporary fault ends by itself."""
        scene, broker, database = self._scene, self._scene.rabbitmq, self._scene.postgres
        steps: dict[str, Steps] = {
            "broker dies": (broker.kill, broker.start_again),
            "broker restarts": (broker.stop, broker.start_again),
            "broker frozen": (broker.freeze, fault.seconds, broker.thaw),
            "broker wire cut": (scene.broker_wire.cut,),
            "broker wire dead": (scene.broker_wire.leave_dead,),
            "broker wire held": (scene.broker_wire.hold, fault.seconds, scene.broker_wire.cut),
            "database dies": (database.kill, database.start_again),
            "database frozen": (lambda: self._to_backends(signal.SIGSTOP), fault.seconds, lambda: self._to_backends(signal.SIGCONT)),
            "database wire cut": (scene.database_wire.cut,),
            "database wire held": (scene.database_wire.hold, fault.seconds, scene.database_wire.cut),
            "backends end": (self._end_backends,),
            "topology dies": (lambda: scene.declare(killed=True), scene.declare),
        }
        for step in steps[fault.what]:
            if callable(step):
                step()
            else:
                self._pause(step)

    def _end_backends(self) -> None:
        with psycopg.connect(self._scene.url(self._scene.services[0]), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def _to_backends(self, signum: int) -> None:
        pid = self._scene.postgres.pid
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            for child in [pid, *(one.pid for one in psutil.Process(pid).children(recursive=True))]:
                os.kill(child, signum)

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self._scene.wait(lambda: time.monotonic() > deadline, seconds + 1)
