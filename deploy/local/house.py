"""The embedded house: Duijie on one machine without broker and Docker. `python -m deploy.local.house`; Ctrl-C stops everything."""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx
from rich.console import Console

from chassis.environment import Environment
from chassis.failures import one_line_failures
from chassis.testing import postgres
from chassis.testing.templates import create_and_migrate
from deploy.local import sandbox
from deploy.local.client import one_origin
from deploy.local.environment import data_folder, environment
from deploy.pages import is_built
from deploy.services import services

ON_A_LAPTOP = {"POOL_SIZE": "6", "WEB_THREADS": "8", "LOG_LEVEL": "WARNING"}
SMALL = {"shared_buffers": "64MB", "max_connections": "120"}


def environment_of(folder: Path, origin: str) -> dict[str, str]:
    """Return the environment of the house running from `folder`, for operators' commands beside it."""
    password, port = ((folder / "postgres" / name).read_text() for name in ("password", "ports"))
    at = partial(postgres.url_of, password, port.strip())
    return environment(folder, at, origin=one_origin(origin), telephones=origin) | ON_A_LAPTOP


@one_line_failures
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=data_folder("house"))
    parser.add_argument("--not-durable", dest="durable", action="store_false", help="no fsync, no orderly end: for throw-away data only")
    parser.add_argument("--reset", action="store_true", help="throw the data away and end")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    env = Environment()
    origin = f"http://127.0.0.1:{env.whole('PORT', 8000, 1, 65_535)}"
    env.check()
    console = Console()
    if arguments.reset:
        _reset(folder, console)
        return
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        _run(folder, origin, console, arguments.durable)
    except KeyboardInterrupt:
        console.print("再见 Bye.")


def _run(folder: Path, origin: str, console: Console, durable: bool) -> None:
    if not postgres.is_free(int(origin.rpartition(":")[2])):
        sys.exit(f"{origin} is taken: choose another port, e.g. PORT=8010 make run")
    with postgres.start(folder / "postgres", SMALL, durable=durable, is_kept=durable) as database:
        for name in services():
            with console.status(f"数据库 database: {name}"):
                create_and_migrate(database, name, name)
        variables = environment(folder, database.url, origin=one_origin(origin), telephones=origin) | ON_A_LAPTOP
        modules = {"web": "deploy.local.origin", "broker": "deploy.local.local_broker"}
        running = {name: _start(module, variables) for name, module in modules.items()}
        building = None if is_built() else _start("deploy.pages", variables)
        try:
            with console.status("启动服务 starting"):
                _wait_ready(origin, running)
            sandbox.open_house(folder, origin, variables, console)
            if building is not None:
                _announce_pages(building, origin, console)
            _watch(running)
        finally:
            _stop(running)


def _start(module: str, variables: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start a process that dies with the house. Ctrl-C reaches the house alone, which stops its processes in order."""
    command = ["setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", module]
    return subprocess.Popen(command, env=variables, start_new_session=True)


def _wait_ready(origin: str, running: dict[str, "subprocess.Popen[bytes]"]) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        _watch(running, once=True)
        try:
            if httpx.get(f"{origin}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit("the services did not get ready within three minutes; see what they said above")


def _announce_pages(building: "subprocess.Popen[bytes]", origin: str, console: Console) -> None:
    """Wait for the build of the pages, which runs beside the house, and say how it ended."""
    with console.status("生成页面，仅第一次 building the pages, the first time only"):
        outcome = building.wait()
    if outcome:
        console.print(f"[bold red]页面没有生成，接口照常可用。The pages could not be built, see above; the API answers: {origin}/docs/[/]")
    else:
        console.print(f"页面已就绪 The pages are ready: {origin}/")


def _watch(running: dict[str, "subprocess.Popen[bytes]"], once: bool = False) -> None:
    """Wait until interrupted; raise `SystemExit` when a process ends by itself."""
    while True:
        for name, process in running.items():
            if process.poll() is not None:
                raise SystemExit(f"{name} ended by itself ({process.returncode}); see what it said above")
        if once:
            return
        time.sleep(0.5)


def _stop(running: dict[str, "subprocess.Popen[bytes]"]) -> None:
    for process in running.values():
        process.send_signal(signal.SIGTERM)
    for process in running.values():
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def _reset(folder: Path, console: Console) -> None:
    try:
        lock = postgres.take_lock(postgres.make_folder(folder / "postgres"))
    except RuntimeError:
        sys.exit("the house is running: stop it first (Ctrl-C where it runs)")
    with lock:
        for path in (folder / "postgres" / "database", folder / "sandbox.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    console.print("已清空；下次 make run 重新播种。The data are gone; the next `make run` seeds anew.")


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
