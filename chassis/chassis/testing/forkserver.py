"""A server that starts `python -m` processes as forks of itself, with their libraries imported already.

That saves each process most of a second. `python -m chassis.testing.forkserver <socket> <module> …` is the server. It has no thread,
connection or event loop, and forks for each line it reads.
"""

import atexit
import ctypes
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from select import select
from typing import Any

PR_SET_PDEATHSIG = 1
# Bound before eventlet replaces them: the server itself runs no event loop.
_fork, _read, _select, _waitpid, _write = os.fork, os.read, select, os.waitpid, os.write


class Fork:
    """A running process, with the interface of `subprocess.Popen`."""

    def __init__(self, pid: int, ending: Path) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ending = ending

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the process runs."""
        if self.returncode is None:
            with suppress(FileNotFoundError):
                self.returncode = int(self._ending.read_text())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises `subprocess.TimeoutExpired` when it does not come in time."""
        deadline = time.monotonic() + (timeout if timeout is not None else 1e9)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.005)
        return code

    def send_signal(self, signum: int) -> None:
        """Send a signal to the process."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks; it and all its forks end with the process that started it."""

    def __init__(self, folder: Path, *modules: str) -> None:
        """`folder` holds the forks' exit codes. `modules` are imported first, in this order."""
        self._folder = folder
        self._count = 0
        ours, theirs = socket.socketpair()
        command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-W", "ignore", "-m", __name__, str(theirs.fileno()), *modules]
        with theirs:
            self._server = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        self._stream = ours.makefile("rw")
        ours.close()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None) -> Fork:
        """Start `python -m` with these arguments; what it says is added to `log`."""
        self._count += 1
        log.touch()
        ending = self._folder / f"{self._count}.ended"
        asked = {"arguments": list(arguments), "environment": dict(environment), "log": str(log), "ending": str(ending)}
        self._stream.write(json.dumps(asked | {"cwd": str(cwd or Path.cwd())}) + "\n")
        self._stream.flush()
        return Fork(int(self._stream.readline()), ending)

    def close(self) -> None:
        """End the server."""
        self._stream.close()
        self._server.wait()


EVENTED, PLAIN = ("chassis.worker",), ("chassis.relay", "chassis.topology", "chassis.replay", "chassis.http.__main__")
"""Libraries of the workers, which run under eventlet, and of all other processes."""
_servers: dict[tuple[str, ...], ForkServer] = {}


def start(arguments: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None) -> Fork:
    """Start `python -m` with these arguments as a fork; the servers are started when they are first needed."""
    modules = EVENTED if set(EVENTED) & set(arguments) else PLAIN
    if modules not in _servers:
        folder = Path(tempfile.mkdtemp(prefix="duijie-", dir="/tmp"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _servers[modules] = ForkServer(folder, *modules)
    return _servers[modules].start(arguments, environment, log, cwd)


def main() -> None:
    """Serve requests for forks until the parent closes the connection."""
    door = int(sys.argv[1])
    for name in sys.argv[2:]:
        import_module(name)
    signals, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, Path] = {}
    unread = b""
    while True:
        ready, _, _ = _select([door, signals], [], [])
        if signals in ready:
            _read(signals, 4096)
            _reap(running)
        if door in ready:
            if not (came := _read(door, 65536)):
                return
            *lines, unread = (unread + came).split(b"\n")
            for line in lines:
                asked = json.loads(line)
                if not (pid := _fork()):
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for descriptor in (door, signals, wakeup):
                        os.close(descriptor)
                    _become(asked)
                    return
                running[pid] = Path(asked["ending"])
                _write(door, f"{pid}\n".encode())


def _reap(running: dict[int, Path]) -> None:
    """Write down how each process that has ended did."""
    for pid, ending in list(running.items()):
        done, status = _waitpid(pid, os.WNOHANG)
        if done:
            del running[pid]
            new = ending.with_suffix(".new")
            new.write_text(str(os.waitstatus_to_exitcode(status)))
            new.rename(ending)


def _become(asked: dict[str, Any]) -> None:
    """Go on as the process that was asked for."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[1:1] = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    module, *arguments = asked["arguments"]
    sys.argv = [module, *arguments]
    # A module that was imported before runs once more, as the main one.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
