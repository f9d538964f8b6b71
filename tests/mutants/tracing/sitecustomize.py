"""A tracer of the guarded modules' lines. Every Python process that a surveyed test starts imports it first, as `sitecustomize`.

The campaign writes the guarded files into `.targets` beside its copy of the tree, and the running test into `.running`. Each process adds
every line that it runs to `.reached`, once for each test: the test, the file and the line's number, separated by tabs.
"""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

TREE = Path(__file__).parents[3]
TARGETS, RUNNING, REACHED = (TREE.with_suffix(f".{name}") for name in ("targets", "running", "reached"))
# Bound before eventlet replaces it.
_write = os.write


class Tracer:
    """The lines that this process has run in the current test."""

    def __init__(self, targets: frozenset[str]) -> None:
        self._targets = targets
        self._out = os.open(REACHED, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._seen: set[tuple[str, int]] = set()
        self._test = ""
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin anew: in another test, or in a fork."""
        self._seen.clear()
        self._test = ""

    def on_call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        """Trace the lines of a function of a guarded module."""
        return self._on_line if frame.f_code.co_filename in self._targets else None

    def _on_line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and (seen := (frame.f_code.co_filename, frame.f_lineno)) not in self._seen:
            self._seen.add(seen)
            self._test = self._test or _read(RUNNING)
            _write(self._out, f"{self._test}\t{seen[0]}\t{seen[1]}\n".encode())
        return self._on_line


def _read(path: Path) -> str:
    with suppress(FileNotFoundError):
        return path.read_text("utf-8")
    return ""


def start() -> Tracer | None:
    """Trace this process, if a campaign has named files."""
    if not (targets := frozenset(_read(TARGETS).splitlines())):
        return None
    tracer = Tracer(targets)
    threading.settrace(tracer.on_call)
    sys.settrace(tracer.on_call)
    return tracer


if __name__ == "sitecustomize":
    start()
