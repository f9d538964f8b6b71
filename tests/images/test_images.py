"""Each image holds one service, runs as any user, and is reproducible."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.images.__main__ import BASE, build
from deploy.images.engine import USER, buildah, contained, environment, image_of
from deploy.services import services

pytestmark = [pytest.mark.images, pytest.mark.timeout(600)]
INSIDE = Path(__file__).with_name("inside.py")


def run(service: str, *words: str, options: tuple[str, ...] = (), **more: Any) -> "subprocess.CompletedProcess[str]":
    command = contained(service, *words, options=options, **more)
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("service", services())
def test_image_holds_only_its_service_and_its_needs(service: str) -> None:
    there, others = Path("/inside.py"), [name for name in services() if name != service]
    outcome = run(service, str(there), service, *others, options=("--entrypoint=python",), files={INSIDE: there})
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert f"{service}.model" in found["imported"]
    assert found["others"] == []
    assert (found["uid"], found["gid"]) == (USER, USER)
    assert found["writable"] == ["/tmp"]
    assert found["tools"] == []
    assert found["developers"] == []
    assert found["raised"] == []


def test_what_does_not_belong_into_an_image_would_be_seen() -> None:
    there = Path("/inside.py")
    open_to_all = ("--entrypoint=python", "--read-only=false", "--user=0:0")
    outcome = run("insight", str(there), "insight", "contracts", options=open_to_all, files={INSIDE: there})
    found = json.loads(outcome.stdout)
    assert (found["others"], found["uid"]) == (["contracts"], 0)
    assert "/opt/duijie" in found["writable"]


@pytest.mark.parametrize("service", services())
def test_an_image_says_what_it_is_and_who_runs_in_it(service: str) -> None:
    config = json.loads(buildah("inspect", "--type=image", image_of(service)))["OCIv1"]["config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["python", "-m"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["title"] == f"duijie-{service}"
    assert {"version", "revision", "licenses", "description"} <= labels.keys()


@pytest.mark.parametrize("service", services())
def test_image_has_the_operators_commands_of_its_service(service: str) -> None:
    outcome = run(service, options=("--entrypoint=duijie",))
    assert outcome.returncode == 0, outcome.stderr
    offered = {line.split()[1].replace("-", "_") for line in outcome.stdout.splitlines() if line.startswith("duijie ")}
    everybody_s = {"migrate", "topology", "dead_letters", "replay", "retell", "reseal"}
    assert offered == everybody_s | set(services()[service].commands)


def test_each_role_in_an_image_names_its_missing_setting() -> None:
    for name, service in services().items():
        for module in service.roles.values():
            outcome = run(name, module, name)
            assert f"{name.upper()}_DATABASE_URL" in outcome.stderr, (name, module, outcome.stderr)


@pytest.mark.parametrize("service", services())
def test_processes_in_an_image_can_share_rate_limits(service: str) -> None:
    imports = "from chassis.http.rate_limits import RateLimiter; from chassis.settings import WebSettings"
    shared = f"{imports}; RateLimiter(WebSettings.of_environment())"
    outcome = run(service, "-c", shared, options=("--entrypoint=python", "--env=RATE_LIMIT_STORE=redis://127.0.0.1:9"))
    assert outcome.returncode == 0, outcome.stderr


def test_built_twice_an_image_is_the_same() -> None:
    made = []
    for _ in range(2):
        build("insight", "buildah", BASE, tag="localhost/duijie/again")
        made.append(buildah("images", "--quiet", "--no-trunc", "localhost/duijie/again"))
        buildah("rmi", "localhost/duijie/again")
    assert made[0] == made[1]
