"""The HTTP process of a service: `python -m chassis.http needs`."""

from importlib import import_module

from chassis.failures import one_line_failures
from chassis.http.server import serve
from chassis.ops import telemetry
from chassis.start import read_web_settings, service_of_command_line


@one_line_failures
def main() -> None:
    """Serve the application `web:create` of the service named on the command line, until stopped."""
    settings, web = read_web_settings(service_of_command_line(__doc__))
    telemetry.start(settings.service, "web")
    app = import_module(f"{settings.service}.web").create()
    serve(app, settings.service, settings.host, settings.port, web, [app])


if __name__ == "__main__":
    main()
