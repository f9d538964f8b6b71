"""PostgreSQL and RabbitMQ for tests: real, private and durable."""
# mypy: disable-error-code="attr-defined, no-untyped-call"

import os
import pwd
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path

import kombu
import psycopg
import pytest
from amqp.exceptions import AccessRefused
from sqlalchemy import text

from chassis.data.database import IDLE_SECONDS, Database
from chassis.testing import accounts as system_users
from chassis.testing import folders, postgres, rabbitmq
from chassis.testing.fixtures import RolledBack
from chassis.testing.twins import altered, unguarded


@pytest.fixture(scope="module")
def database_server() -> Iterator[postgres.Postgres]:
    with postgres.start(durable=False) as server:
        yield server


@pytest.fixture(scope="module")
def broker() -> Iterator[rabbitmq.RabbitMQ]:
    with rabbitmq.start() as node:
        yield node


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder outside pytest's own, which PostgreSQL's system user cannot reach when tests run as root."""
    name = postgres.HOUSE / "tests" if os.geteuid() == 0 else Path("/tmp")
    path = postgres.make_folder(name / f"kept-{os.getpid()}-{time.monotonic_ns()}")
    yield path
    subprocess.run(["rm", "-rf", str(path)], check=True)


def connect(server: postgres.Postgres, database: str) -> psycopg.Connection:
    return psycopg.connect(server.url(database).replace("+psycopg", ""))


def with_password(url: str, password: str) -> str:
    before, after = url.split("@")
    return f"{before.rpartition(':')[0]}:{password}@{after}"


def post(url: str, queue: str, count: int) -> None:
    """Publish persistent messages to a quorum queue and wait until the broker has confirmed each."""
    with kombu.Connection(url, transport_options={"confirm_publish": True}) as connection:
        quorum = kombu.Queue(queue, queue_arguments={"x-queue-type": "quorum"}, durable=True, channel=connection.default_channel)
        quorum.declare()
        producer = kombu.Producer(connection)
        for number in range(count):
            producer.publish({"number": number}, routing_key=queue, delivery_mode=2)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def soon(holds: Callable[[], bool], seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def outlive_their_parent(program: str) -> bool:
    """Kill `program`, which prints its servers' folder and process ids; tell whether the servers live on."""
    parent = subprocess.Popen([sys.executable, "-c", program + "\nimport time; time.sleep(100)"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    folder, *pids = parent.stdout.readline().split()
    assert pids
    assert all(is_alive(int(pid)) for pid in pids)
    parent.kill()
    parent.wait()
    have_ended = soon(lambda: not any(is_alive(int(pid)) for pid in pids))
    subprocess.run(["rm", "-rf", folder], check=True)
    return not have_ended


def test_postgres_serves_200_utf8_connections_on_loopback(database_server: postgres.Postgres) -> None:
    with connect(database_server, "postgres") as connection:
        row = connection.execute(
            "SELECT current_setting('server_encoding'), current_setting('listen_addresses'), current_setting('max_connections'),"
            " (SELECT datlocale FROM pg_database WHERE datname = 'postgres'), upper('é'), 'Z' < 'a'"
        ).fetchone()
    assert row == ("UTF8", "127.0.0.1", "200", "C.UTF-8", "É", True)


def test_postgres_asks_for_the_password(database_server: postgres.Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(with_password(database_server.url("postgres").replace("+psycopg", ""), "wrong"))
    assert (database_server.folder / "password").stat().st_mode & 0o777 == 0o600


def test_postgres_creates_a_database_once_and_from_a_template(database_server: postgres.Postgres) -> None:
    database_server.create("first")
    database_server.create("first")
    with connect(database_server, "first") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    database_server.create("second", template="first")
    still_connected = connect(database_server, "second")
    assert still_connected.execute("SELECT number FROM kept").fetchone() == (7,)
    for name in ("second", "first", "first"):
        database_server.drop(name)
    with pytest.raises(psycopg.OperationalError):
        still_connected.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(database_server, "first")


def test_postgres_keeps_committed_rows_when_killed(folder: Path) -> None:
    with postgres.start(folder) as server:
        server.create("house")
        with connect(server, "house") as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        open_when_killed = connect(server, "house")
        url, pid = server.url("house"), server.pid
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            open_when_killed.execute("SELECT 1")
        server.start_again()
        assert server.url("house") == url
        assert server.pid != pid
    with postgres.start(folder) as server:
        assert server.url("house") == url
        with connect(server, "house") as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_postgres_starts_though_its_old_process_id_is_reused(folder: Path) -> None:
    with postgres.start(folder, durable=False) as server:
        server.kill()
        pid_file = folder / "database" / "postmaster.pid"
        pid_file.write_text(pid_file.read_text().replace(str(server.pid), str(os.getpid()), 1))
        server.start_again()
        with connect(server, "postgres") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_postgres_that_runs_already_is_not_started_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "LOCK_SECONDS", 0.2)
    with postgres.start(folder, durable=False) as server:
        with pytest.raises(RuntimeError, match=f"already running from {folder}"):
            postgres.start(folder)
        connect(server, "postgres").close()


unlocked = pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the lock the second entry replaces the first user's id")


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs as a user of its own only when started by root")
@pytest.mark.parametrize("is_locked", [True, pytest.param(False, marks=unlocked)])
def test_servers_started_at_once_add_one_system_user_once(monkeypatch: pytest.MonkeyPatch, is_locked: bool) -> None:
    name, together, added = f"duijie-{secrets.token_hex(4)}", threading.Barrier(4), list[str]()
    find, add = system_users.find_account, system_users.add_account

    def find_together(name: str) -> pwd.struct_passwd | None:
        account = find(name)
        with suppress(threading.BrokenBarrierError):
            together.wait(1)
        return account

    def add_counted(name: str) -> pwd.struct_passwd:
        added.append(name)
        return add(name)

    monkeypatch.setattr(system_users, "find_account", find_together)
    monkeypatch.setattr(system_users, "add_account", add_counted)
    if not is_locked:
        monkeypatch.setattr(system_users, "take_lock", lambda *_: nullcontext())
    try:
        with ThreadPoolExecutor(4) as threads:
            accounts = set(threads.map(system_users.own_account, [name] * 4))
        assert (added, accounts) == ([name], {pwd.getpwnam(name)})
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)


def test_a_failed_start_of_postgres_gives_its_reason() -> None:
    with pytest.raises(RuntimeError, match="unrecognized configuration parameter"):
        postgres.start(settings={"no_such_setting": "1"}, durable=False)


def test_postgres_dies_with_its_parent() -> None:
    program = "from chassis.testing import postgres; p = postgres.start(durable=False); print(p.folder, p.pid, flush=True)"
    assert not outlive_their_parent(program)


def test_servers_start_in_the_main_thread_only() -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            postgres.start(durable=False)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(errors)


def test_rabbitmq_asks_for_the_password(broker: rabbitmq.RabbitMQ) -> None:
    with pytest.raises(AccessRefused), kombu.Connection(with_password(broker.url(), "wrong")) as connection:
        connection.connect()


def test_virtual_hosts_are_separate_and_can_be_deleted(broker: rabbitmq.RabbitMQ) -> None:
    with broker.vhost() as one, broker.vhost() as other:
        post(broker.url(one), "needs", 3)
        assert broker.queues(one) == {"needs": 3}
        assert broker.queues(other) == {}
    with pytest.raises(RuntimeError, match="rabbit_vhost:delete"):
        broker.delete_vhost(one)


def test_a_frozen_broker_is_silent_until_it_is_thawed(broker: rabbitmq.RabbitMQ) -> None:
    with broker.vhost() as name, kombu.Connection(broker.url(name)) as connection:
        connection.connect()
        broker.freeze()
        started_at = time.monotonic()
        threading.Timer(0.5, broker.thaw).start()
        connection.channel().close()
        assert time.monotonic() - started_at > 0.4


def test_rabbitmq_keeps_confirmed_messages_when_killed(broker: rabbitmq.RabbitMQ, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rabbitmq.start(folder) as node:
        node.create_vhost("house")
        url = node.url("house")
        post(url, "kept", 100)
        node.settle()
        node.kill()
        node.start_again()
        assert soon(lambda: node.queues("house") == {"kept": 100})
        assert broker.port != node.port
        with broker.vhost() as name:
            assert broker.queues(name) == {}
        monkeypatch.setattr(folders, "LOCK_SECONDS", 0.2)
        with pytest.raises(RuntimeError, match="already running"):
            rabbitmq.start(folder)
    monkeypatch.undo()
    with rabbitmq.start(folder) as node:
        assert node.url("house") == url
        post(url, "kept", 1)
        assert soon(lambda: node.queues("house") == {"kept": 101})
        pids = [node.pid, node._epmd.pid if node._epmd else 0]
    assert not any(map(is_alive, pids))


def test_rabbitmq_and_its_epmd_die_with_their_parent() -> None:
    program = "from chassis.testing import rabbitmq; r = rabbitmq.start(); r.freeze(); print(r.folder, r.pid, r._epmd.pid, flush=True)"
    assert not outlive_their_parent(program)


def test_a_missing_rabbitmq_gives_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RABBITMQ_ROOT", str(tmp_path))
    with pytest.raises(RuntimeError, match=f"not installed in {tmp_path}: apt-get install rabbitmq-server"):
        rabbitmq.start()


def test_the_started_rabbitmq_comes_from_the_given_root(broker: rabbitmq.RabbitMQ) -> None:
    with kombu.Connection(broker.url()) as connection:
        connection.connect()
        answers = connection.connection.server_properties["version"]
    assert answers == broker.version


def test_a_dead_idle_connection_is_replaced_before_its_use(database_server: postgres.Postgres) -> None:
    database_server.create("rested")
    database = Database(database_server.url("rested"), name="tests", pool_size=1)
    with database.begin() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
    with connect(database_server, "postgres") as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
    time.sleep(IDLE_SECONDS)
    with database.begin() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != pid
    database.close()


def test_a_trial_ends_in_good_order_after_its_server_was_stopped(database_server: postgres.Postgres) -> None:
    database_server.create("tried")
    database = RolledBack(database_server.url("tried"), name="tests", pool_size=1)
    with database.trial():
        database_server.stop()
        database_server.start_again()
    with database.trial(), database.begin() as session:
        assert session.scalar(text("SELECT 1")) == 1
    database.close()


RELEASE = 'self._connection.execute(text("RELEASE SAVEPOINT one_case"))'


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without its release each savepoint stays beneath the next")])
def test_cases_of_a_trial_do_not_stand_in_one_another(
    database_server: postgres.Postgres, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(RolledBack, "case", altered(RolledBack.case.__wrapped__, RELEASE, "pass"))
    database_server.create(f"cases_{guarded}")
    database = RolledBack(database_server.url(f"cases_{guarded}"), name="tests", pool_size=1)
    with database.trial():
        held = [locks_of_a_case(database) for _ in range(20)]
    database.close()
    assert held == held[:1] * 20


def locks_of_a_case(database: RolledBack) -> int:
    with database.case(), database.begin() as session:
        session.execute(text("CREATE TEMPORARY TABLE written (number int)"))
        query = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'transactionid'"
        return int(session.scalar(text(query)) or 0)
