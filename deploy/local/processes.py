"""Commands of the stack's processes: Python on this machine, or containers of the services' images."""

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from deploy.images import engine

OF_TRACING = "OTEL_"


class Here:
    """Processes of this Python, with the environment `variables`."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    def together(self, names: list[str]) -> list[list[str]]:
        """Group the services that one process can prepare together."""
        return [names]

    def command(self, name: str, *words: str, more: Collection[str] = ()) -> list[str]:
        """Return the command of a process named `<service>-…` that runs a module in the environment `variables`, with `more` of them."""
        return [sys.executable, "-m", *words]

    def close(self) -> None:
        """Remove whatever still runs."""


class InImages(Here):
    """Containers of the images that `make images` made, with only those variables that the machine's environment lacks."""

    def __init__(self, variables: dict[str, str]) -> None:
        ours = {name for name, value in variables.items() if os.environ.get(name) != value or name.startswith(OF_TRACING)}
        self._passed = ours | {"HOST", "PORT", "METRICS_PORT"}
        self._key, self._trusted = Path(variables["USERS_SIGNING_KEYS"]), Path(variables["SSL_CERT_FILE"])
        self._containers: list[str] = []
        # The user in the image is another one than the owner of the key, and only the owner may read it.
        os.chown(self._key, engine.USER, engine.USER)
        super().__init__(variables | engine.ways() | {"HOST": "127.0.0.1"})

    def together(self, names: list[str]) -> list[list[str]]:
        return [[name] for name in names]

    def command(self, name: str, *words: str, more: Collection[str] = ()) -> list[str]:
        self._containers.append(f"duijie-{os.getpid()}-{name}")
        options = [f"--name={self._containers[-1]}"]
        files = {one: one for one in (self._key, self._trusted)}
        return engine.contained(name.partition("-")[0], *words, passed={*self._passed, *more}, files=files, options=options)

    def close(self) -> None:
        command = [*engine.PODMAN, "rm", "--force", "--ignore", "--time=10", *self._containers]
        subprocess.run(command, env=engine.environment(), check=True, stdout=subprocess.DEVNULL)
