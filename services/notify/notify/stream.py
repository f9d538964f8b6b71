"""The process that holds streams: `python -m notify.stream notify`. Any number of processes may run."""

from chassis.data.database import Database
from chassis.failures import one_line_failures
from chassis.http.app import create_app
from chassis.http.auth import FetchedKeys
from chassis.http.server import serve
from chassis.http.streams.hub import Hub
from chassis.ops import gc_tuning, metrics, telemetry
from chassis.settings import Settings, StreamSettings
from chassis.start import read_web_settings, service_of_command_line
from notify.api import api
from notify.live.api import PATH, SOURCE

SETTINGS = (StreamSettings,)
PATHS = (PATH,)


def hub_of(settings: Settings, database: Database) -> Hub:
    """Return the hub of a process's streams, on its database."""
    return Hub(settings, StreamSettings.of_environment(), database, SOURCE)


@one_line_failures
def main() -> None:
    """Hold the streams of the service named on the command line, until stopped."""
    settings, web = read_web_settings(service_of_command_line(__doc__), *SETTINGS)
    telemetry.start(settings.service, "stream")
    database = Database.of_web(settings, web, "stream")
    hub = hub_of(settings, database)
    metrics.serve(settings, "stream", database, hub.readiness)
    app = create_app(settings.service, api, database=database, keys=FetchedKeys(settings.jwks_url, database))
    gc_tuning.collect_rarely()
    serve(app, settings.service, settings.host, settings.port, web, [app], hub, PATHS)


if __name__ == "__main__":
    main()
