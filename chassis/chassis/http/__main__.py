"""The HTTP process of a service: `python -m chassis.http needs`."""

import sys
from importlib import import_module

from chassis.http.server import largest_body, serve
from chassis.ops import telemetry
from chassis.settings import Settings, WebSettings


def main() -> None:
    """Serve the application `web:create` of the service named on the command line, until stopped."""
    settings, web = Settings.of(sys.argv[1]), WebSettings.of_environment()
    telemetry.start(settings.service, "web")
    app = import_module(f"{settings.service}.web").create()
    serve(app, settings.service, settings.host, settings.port, web, largest_body([app]))


if __name__ == "__main__":
    main()
