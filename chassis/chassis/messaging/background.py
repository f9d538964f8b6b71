"""Entrypoints that run in the background of a worker: the base of handlers and timers."""

from typing import Any

from eventlet.event import Event as Signal
from nameko.extensions import Entrypoint
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.ops.readiness import Readiness
from chassis.settings import Settings


class BackgroundEntrypoint(Entrypoint):  # type: ignore[misc]
    """A nameko entrypoint with a green thread of its own, which ends when the container stops."""

    def setup(self) -> None:
        """Take settings, database and readiness from the container; nameko calls this once before `start`."""
        self._settings: Settings = self.container.config["settings"]
        self._database: Database = self.container.config["database"]
        self._readiness: Readiness = self.container.config["readiness"]
        self._stopping = Signal()
        self._ended = Signal()

    def start(self) -> None:
        """Start the green thread."""
        self.container.spawn_managed_thread(self._live, identifier=self.method_name)

    def stop(self) -> None:
        """Tell the thread to stop, and wait until it has."""
        if not self._stopping.ready():
            self._stopping.send()
        self._ended.wait()

    def _live(self) -> None:
        try:
            self._run()
        finally:
            self._ended.send()

    def _run(self) -> None:
        raise NotImplementedError

    def _call(self, session: Session, *arguments: object) -> None:
        """Run the method as a nameko worker, with the service's dependencies. Raises what the method raises."""
        outcome = Signal()

        def note(_: object, result: object, exc_info: Any) -> tuple[object, Any]:
            outcome.send(exc_info)
            return result, exc_info

        self.container.spawn_worker(self, (session, *arguments), {}, handle_result=note)
        if exc_info := outcome.wait():
            raise exc_info[1]
