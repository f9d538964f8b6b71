"""Folders of servers: their locks, and the ports and passwords that are kept in them."""

import fcntl
import itertools
import os
import random
import secrets
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import TextIO

LOCK_SECONDS = 5.0
MEMORY = Path("/dev/shm")
# The servers of a whole `make test` take about half of this.
MEMORY_BYTES = 12 << 30


def make_folder(folder: Path) -> Path:
    """Make a folder and its missing parents, mode 755; the modes of existing folders stay unchanged."""
    for part in [*reversed(folder.parents), folder]:
        if not part.exists():
            part.mkdir(exist_ok=True)
            part.chmod(0o755)
    return folder


def make_temporary_folder() -> Path:
    """Make a folder for a temporary server: in memory where there is plenty, since disks are what tests wait for, else under /tmp."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    return Path(tempfile.mkdtemp(prefix="duijie-", dir=MEMORY if in_memory else "/tmp"))


def take_lock(folder: Path, seconds: float | None = None) -> TextIO:
    """Lock a folder. A server inherits the lock, so it is held until the last of the server's processes has ended.

    Raises RuntimeError when another process holds it for so many `seconds`, by default `LOCK_SECONDS`.
    """
    lock = (folder / "lock").open("w")
    deadline = time.monotonic() + (seconds or LOCK_SECONDS)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                lock.close()
                raise RuntimeError(f"a server is already running from {folder}, or is being set up there") from None
            time.sleep(0.05)


def kept_secret(path: Path) -> str:
    """Return the password in `path`; the first call makes it, readable by its owner only."""
    if not path.exists():
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(16))
        new.rename(path)
    return path.read_text()


def kept_ports(path: Path, count: int) -> list[int]:
    """Return the ports in `path` if they are still free, else others, which are written there."""
    ports = [int(port) for port in path.read_text().split()] if path.exists() else []
    if not ports or not all(map(is_free, ports)):
        # Below 32768, where the kernel takes no ports for outgoing connections: while a server is down no connection takes its port,
        # and a client that tries again and again cannot end up connected to itself.
        ports = list(itertools.islice(filter(is_free, random.sample(range(20000, 32768), 1000)), count))
        path.write_text(" ".join(map(str, ports)))
    return ports


def is_free(port: int) -> bool:
    """Tell whether a port of 127.0.0.1 is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
