"""The whole stack on a laptop under honcho: every service's roles as processes, a private RabbitMQ and PostgreSQL.

`python -m deploy.local.stack [--folder …] [--port-offset 0]`; Ctrl-C stops all. Once all are ready, `stack.json` in the folder
holds their addresses.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import httpx
from honcho.manager import Manager

from chassis.failures import one_line_failures
from chassis.testing import postgres, rabbitmq
from deploy.local.client import by_service
from deploy.local.environment import data_folder, environment, migration_addresses
from deploy.local.processes import Here, InImages
from deploy.services import STREAM, services

STACK = {"max_connections": "400"}
FIRST_METRICS_PORT, TELEPHONES_PORT = 9100, 8090


@one_line_failures
def main() -> None:
    arguments = _arguments()
    folder: Path = arguments.folder.resolve()
    ports = {name: service.port + arguments.port_offset for name, service in services().items() if service.port}
    ports |= {f"{name}-{STREAM}": one.stream_port + arguments.port_offset for name, one in services().items() if one.stream_port}
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    telephones = f"http://127.0.0.1:{TELEPHONES_PORT + arguments.port_offset}"
    ready = folder / "stack.json"
    ready.unlink(missing_ok=True)
    with (
        rabbitmq.start(folder / "rabbitmq", is_watched=arguments.watched, is_kept=arguments.durable, waits=False) as broker,
        postgres.start(folder / "postgres", STACK, durable=arguments.durable, is_kept=arguments.durable) as database,
    ):
        for name, service in services().items():
            database.create_for(name, name)
            if service.personal_keys:
                database.create_keys_for(name)
        variables = environment(folder, database.url, origin=by_service(addresses), telephones=telephones, broker_url=broker.url())
        processes = InImages(variables) if arguments.images else Here(variables)
        for step in ("chassis.migrate", "chassis.topology"):
            print(f"… {step}", flush=True)
            if step == "chassis.topology":
                broker.wait_until_ready()
            own = migration_addresses(database.url) if step == "chassis.migrate" else {}
            commands = [
                processes.command(f"{names[0]}-{step.rpartition('.')[2]}", step, *names, more=own)
                for names in processes.together(list(services()))
            ]
            begun = [subprocess.Popen(command, env=processes.variables | own) for command in commands]
            if sum(one.wait() for one in begun):
                sys.exit(f"{step} failed, see above")
        manager = Manager()
        # The telephone network runs from this checkout in any case: no image contains it.
        line = "exec " + shlex.join([sys.executable, "-m", "deploy.local.telephones"])
        manager.add_process("telephones", line, env=variables | {"PORT": telephones.rpartition(":")[2]}, quiet=arguments.quiet)
        metrics: dict[str, int] = {}
        for name, service in services().items():
            for role, module in service.roles.items():
                port = ports.get(f"{name}-{STREAM}" if role == STREAM else name)
                own = processes.variables | ({"PORT": str(port)} if port else {})
                many = bool(service.jobs) and (role == "worker" or module in service.jobs)
                for number in range(arguments.replicas if many else 1):
                    process = f"{name}-{role}{number or ''}"
                    metrics[process] = FIRST_METRICS_PORT + arguments.port_offset + len(metrics)
                    line = "exec " + shlex.join(processes.command(process, module, name))
                    manager.add_process(process, line, env=own | {"METRICS_PORT": str(metrics[process])}, quiet=arguments.quiet)
        measured = {process: f"http://127.0.0.1:{port}/metrics" for process, port in metrics.items()}
        stated = {
            "addresses": addresses,
            "metrics": measured,
            "environment": _ours(variables),
            "pid": os.getpid(),
            "telephones": telephones,
        }
        if arguments.watched:
            stated["broker_metrics"] = f"http://127.0.0.1:{broker.metrics_port}/metrics/detailed"
        threading.Thread(
            target=_announce, args=(ready, stated, [port for process, port in metrics.items() if not process.endswith("-web")]), daemon=True
        ).start()
        manager.loop()
        processes.close()
    ready.unlink(missing_ok=True)
    sys.exit(manager.returncode)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=data_folder("stack"))
    parser.add_argument("--port-offset", type=int, default=0)
    parser.add_argument("--replicas", type=int, default=1, help="of workers and own roles where a service has own roles")
    parser.add_argument("--images", action="store_true", help="every process in its service's image, as `make images` made it")
    parser.add_argument("--watched", action="store_true", help="the broker, too, tells Prometheus how it is (`broker_metrics`)")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--not-durable", dest="durable", action="store_false", help="no fsync, no orderly end: for throw-away data only")
    return parser.parse_args()


def _ours(variables: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if os.environ.get(name) != value}


def _announce(ready: Path, stated: dict[str, object], metrics: Iterable[int]) -> None:
    """Write the addresses to a file once every process is ready."""
    addresses: dict[str, str] = stated["addresses"]  # type: ignore[assignment]
    for name, address in [*addresses.items(), ("telephones", str(stated["telephones"]))]:
        _wait_until_ready(address)
        print(f"{name}: {address}", flush=True)
    for port in metrics:
        _wait_until_ready(f"http://127.0.0.1:{port}")
    new = ready.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(stated))
    new.rename(ready)
    print("stack ready", flush=True)


def _wait_until_ready(address: str) -> None:
    while True:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{address}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        time.sleep(0.2)


if __name__ == "__main__":
    main()
