"""Programs outside the repository listen to events: one on our two wheels, one in plain nameko."""

import os
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data.database import Database, new_id, now
from chassis.messaging.broker import Publisher, connected, message_for
from chassis.testing.postgres import audit_role
from chassis.testing.rabbitmq import RabbitMQ
from contracts.event import Envelope, Event, encode, name_of, producer_of
from contracts.generate import example_of
from contracts.needs import NeedPublished, NeedWithdrawn

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE, PLAIN = ROOT / "examples/outside_listener", ROOT / "examples/plain_nameko/listener.py"
CHANGES = ROOT / "chassis/tests/house"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("dist")
    for member in ("contracts", "chassis"):
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(build, cwd=ROOT / member, check=True, capture_output=True)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def stranger(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the two wheels and their libraries, without this tree."""
    folder = tmp_path_factory.mktemp("outside") / "venv"
    venv.create(folder)
    python, uv = folder / "bin/python", Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), *map(str, wheels)]
    subprocess.run(command, check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    # A plain line in a .pth file shows a folder and not what the .pth files in it show: so the tree's own packages stay unknown.
    (packages / "libraries.pth").write_text(str(Path(msgspec.__file__).parent.parent))
    return python


def told(event: Event) -> Any:
    """Return the message that the relay would send."""
    kind = type(event)
    envelope = Envelope(id=new_id(), name=name_of(kind), producer=producer_of(kind), subject=event.subject, recorded_at=now())
    return message_for(envelope, encode(event).decode())


def tell(broker_url: str, letters: list[Any]) -> None:
    with connected(broker_url, 20) as connection:
        safe, unwanted = Publisher(connection, 10).publish(letters)
    assert safe == set(range(len(letters)))
    assert not unwanted


@contextmanager
def running(words: list[str], log: Path, environment: dict[str, str]) -> Iterator[Callable[[], str]]:
    """Run a process; yield its output once it is ready, stop it at the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(words, env=os.environ | environment, cwd=OUTSIDE, stdout=file, stderr=file)
    try:
        assert soon(lambda: " ready" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield log.read_text
    finally:
        process.terminate()
        assert process.wait(40) == 0, log.read_text()


def soon(holds: Callable[[], object], seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := bool(holds())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


def test_wheels_hold_migrations_data_and_py_typed(wheels: list[Path]) -> None:
    held = {wheel.name.partition("-")[0]: set(zipfile.ZipFile(wheel).namelist()) for wheel in wheels}
    assert {"chassis/py.typed", "chassis/migrations/env.py", "chassis/migrations/versions/0001_chassis.py"} <= held["duijie_chassis"]
    assert {
        "contracts/py.typed",
        "contracts/listeners.json",
        "contracts/regions/codes.bin.xz",
        "contracts/regions/regions.csv.xz",
        "contracts/regions/former.csv",
        "contracts/regions/moves.bin.xz",
        "contracts/regions/names.csv",
    } <= held["duijie_contracts"]
    tops = {name.partition("/")[0] for names in held.values() for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"chassis", "contracts"}


without_the_inbox = pytest.mark.xfail(strict=True, raises=AssertionError, reason="what is delivered twice would be counted twice")


@pytest.mark.parametrize("otherwise", [[], pytest.param(["otherwise", "without_inbox"], marks=without_the_inbox)])
def test_a_listener_outside_hears_each_event_once(
    stranger: Path, database_of: Callable[[str, str], str], postgres: Any, rabbitmq: RabbitMQ, tmp_path: Path, otherwise: list[str]
) -> None:
    name = f"bulletin_{new_id().hex}"
    postgres.create_for("bulletin", name)
    with rabbitmq.vhost() as vhost:
        broker_url = rabbitmq.url(vhost)
        environment = {"BULLETIN_DATABASE_URL": postgres.url(name, "bulletin"), "BROKER_URL": broker_url, "PYTHONPATH": str(CHANGES)}
        owner = {"BULLETIN_AUDIT_DATABASE_URL": postgres.url(name, audit_role("bulletin"))}
        for step, further in (("chassis.migrate", owner), ("chassis.topology", {})):
            subprocess.run([stranger, "-m", step, "bulletin"], cwd=OUTSIDE, env=os.environ | environment | further, check=True)
        first, second = (told(replace(example_of(NeedPublished), need_id=new_id())) for _ in range(2))
        database = Database(postgres.url(name), name="looks-in")
        with running([str(stranger), "-m", *otherwise, "chassis.worker", "bulletin"], tmp_path / "log", environment):
            tell(broker_url, [first, first, second, first])
            assert soon(lambda: rabbitmq.unsettled(vhost)["bulletin.needs.need_published.v1"] == 0)
        found = counted(database)
        database.close()
    postgres.drop(name)
    assert found == 2


def counted(database: Database) -> int:
    with database.begin() as session:
        return session.scalar(text("SELECT published FROM counties")) or 0


def test_the_listener_outside_knows_nothing_of_this_tree(stranger: Path) -> None:
    script = "import chassis, contracts; print(chassis.__file__, contracts.__file__); import needs"
    outcome = subprocess.run([stranger, "-c", script], cwd=OUTSIDE, capture_output=True, text=True, check=False)
    assert str(ROOT) not in outcome.stdout
    assert "No module named 'needs'" in outcome.stderr
    written = [line for path in OUTSIDE.rglob("*.py") for line in path.read_text().splitlines()]
    assert len(written) <= 40


def test_a_plain_nameko_service_hears_each_event_once(rabbitmq: RabbitMQ, tmp_path: Path) -> None:
    with rabbitmq.vhost() as vhost:
        broker_url = rabbitmq.url(vhost)
        with running([sys.executable, "-W", "ignore", str(PLAIN)], tmp_path / "log", {"BROKER_URL": broker_url}) as said:
            withdrawn = [replace(example_of(NeedWithdrawn), need_id=new_id()) for _ in range(2)]
            letters = [told(event) for event in withdrawn]
            tell(broker_url, [letters[0], letters[0], letters[1]])
            assert soon(lambda: str(withdrawn[1].need_id) in said())
            assert said().splitlines()[1:] == [str(event.need_id) for event in withdrawn]
