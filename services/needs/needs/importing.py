"""The process that checks and posts large tables of needs: `python -m needs.importing needs`. Any number of processes may run."""

import logging
import threading

from chassis.data.encryption import FingerprintSettings
from chassis.failures import one_line_failures
from chassis.imports import running
from chassis.settings import Settings
from needs.imports.tables import IMPORTS

log = logging.getLogger("needs.importing")
SETTINGS = (FingerprintSettings,)


def run(settings: Settings, stopping: threading.Event) -> None:
    """Work on imports until `stopping` is set."""
    running.run(IMPORTS, log, settings, stopping)


@one_line_failures
def main() -> None:
    running.start("needs", run, SETTINGS)


if __name__ == "__main__":
    main()
