"""The HTTP process of a service: `python -m chassis.http needs`."""

import sys

from granian.constants import Interfaces

from chassis.http import deadlines, draining
from chassis.ops import telemetry
from chassis.settings import Settings, WebSettings


def serve(service: str) -> None:
    """Run a service's `web:create` on Granian until stopped."""
    settings, web = Settings.of(service), WebSettings.of_environment()
    telemetry.start(service, "web")
    # A thread for each request that waits or sends its body, so that deadlines apply and health checks are answered meanwhile.
    threads = web.web_threads * deadlines.WAITING_PER_SLOT * 2
    server = draining.Server(
        f"{service}.web:create",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        blocking_threads=threads,
        websockets=False,
        log_enabled=False,
        backpressure=threads,
        workers_kill_timeout=30,
        drain_seconds=web.drain_seconds,
    )
    server.serve()


def main() -> None:
    """Serve the service named on the command line."""
    serve(sys.argv[1])


if __name__ == "__main__":
    main()
