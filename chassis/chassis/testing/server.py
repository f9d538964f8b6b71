"""Servers as child processes: start, wait, stop, kill, clean up."""

import os
import pwd
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Self, TextIO

from chassis.testing.folders import make_folder, make_temporary_folder, take_lock

START_SECONDS = 120.0
STOP_SECONDS = 30.0


class Server:
    """A child process with a folder of its own; as a context manager it is closed at the end."""

    stop_signal = signal.SIGTERM
    # A frozen server would get any other signal only after it is thawed.
    death_signal = signal.SIGKILL
    account: pwd.struct_passwd | None = None
    _process: subprocess.Popen[bytes]

    def __init__(self, folder: Path | None, die_with_parent: bool, is_kept: bool) -> None:
        self._is_kept = is_kept and folder is not None
        self._dies_with_parent = die_with_parent
        self._refuse_short_lived_threads()
        self._is_temporary = folder is None
        self.folder = make_folder(folder.absolute()) if folder else make_temporary_folder()

    def _prepare(self) -> list[str]:
        """Prepare the folder and return the command that runs the server. The caller holds the folder's lock."""
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}

    def _is_ready(self) -> bool:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def start_again(self) -> None:
        """Start the server on the port and the data it had. Raises RuntimeError when it runs already or does not start."""
        self._launch()
        self.wait_until_ready()

    def _launch(self) -> None:
        self._refuse_short_lived_threads()
        log = self.folder / "log"
        with take_lock(self.folder) as lock:
            command = self._prepare()
            self._log_starts_at = log.stat().st_size if log.exists() else 0
            self._process = self._spawn(command, lock)

    def wait_until_ready(self) -> None:
        """Wait until the started server answers. Raises RuntimeError when it does not."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_bytes()[self._log_starts_at :][-3000:].decode(errors="replace")
                self.close()
                raise RuntimeError(f"{type(self).__name__} did not start:\n{said}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server in good order; the data stay."""
        self._process.send_signal(self.stop_signal)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the server without warning: kill -9 of its main process."""
        self._process.kill()
        self._process.wait()

    def discard(self) -> None:
        """End the server at once; its data may be lost."""
        self.kill()

    def close(self) -> None:
        """Stop the server, and remove its folder if it is a temporary one."""
        if self._is_kept:
            self.stop()
        else:
            self.discard()
        if self._is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_short_lived_threads(self) -> None:
        if self._dies_with_parent and threading.get_native_id() != os.getpid():
            raise RuntimeError("start servers from the main thread: the kernel ends them as soon as the thread that started them ends")

    def _spawn(self, command: list[str], lock: TextIO | None = None) -> subprocess.Popen[bytes]:
        # A session of its own keeps the terminal's Ctrl-C away from the server: its owner decides when it stops.
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                self._as_child(command), cwd="/", env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=[lock.fileno()] if lock else [],
            )  # fmt: skip

    def _as_child(self, command: list[str]) -> list[str]:
        """Extend a command so that it runs under the account of the server, and gets a signal when its parent ends."""
        options = []
        if self.account:
            options += [f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}", "--clear-groups"]
        if self._dies_with_parent:
            options += ["--pdeathsig", self.death_signal.name.removeprefix("SIG")]
        return ["setpriv", *options, "--", *command] if options else command
