"""A house or a stack as a child process, ready to use and stopped at the end, for tests and the main job."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def stack(folder: Path, *options: str, more: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Run the stack in `folder` with `more` settings; yield its `stack.json`: addresses, environment, pid.

    Raises RuntimeError if it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _running(folder, "deploy.local.stack", "--folder", str(folder), *options, more=more) as process:
        stated = folder / "stack.json"
        _wait(process, folder, stated.exists)
        yield json.loads(stated.read_text())


@contextmanager
def house(folder: Path, port: int, *options: str) -> Iterator[str]:
    """Run the embedded house with its data in `folder`; yield its address. Raises RuntimeError if it does not start."""
    folder.mkdir(parents=True, exist_ok=True)
    with _running(folder, "deploy.local.house", "--folder", str(folder), *options, more={"PORT": str(port)}) as process:
        _wait(process, folder, lambda: "Duijie is ready" in (folder / "said").read_text())
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(folder: Path, module: str, *arguments: str, more: Mapping[str, str] | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / "said").open("wb") as said:
        command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
        process = subprocess.Popen(command, stdout=said, stderr=said, env=os.environ | {"LOG_LEVEL": "WARNING"} | dict(more or {}))
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def _wait(process: "subprocess.Popen[bytes]", folder: Path, is_ready: Any, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"it did not get ready:\n{(folder / 'said').read_text()[-3000:]}")
        time.sleep(0.1)
