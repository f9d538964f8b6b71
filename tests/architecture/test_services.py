"""The single list of services is true: every path has one owner, every role a module, every worker its queues in the catalogue."""

import importlib.util
import inspect
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing.fixtures import KnownKeys
from contracts.event import every_event, producer_of
from deploy import generate
from deploy import services as listing
from deploy.services import owner_of, services, unlisted

SERVICES = Path(__file__).resolve().parents[2] / "services"


def test_every_route_of_a_service_lies_under_its_own_paths() -> None:
    for name, service in services().items():
        if not service.answers:
            continue
        blueprint = import_module(f"{name}.api").api
        from apiflask import APIFlask

        app = APIFlask(name)
        app.register_blueprint(blueprint)
        routes = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{name}.")}
        assert routes
        strangers = {
            route for route in routes if not service.owns(route) and not route.startswith(tuple(f"{door}/" for door in service.doors))
        }
        assert not strangers


def test_every_role_has_a_module_that_can_be_run() -> None:
    for service in services().values():
        for module in service.roles.values():
            assert importlib.util.find_spec(module) is not None


def test_own_roles_run_inside_the_local_broker() -> None:
    for service in services().values():
        for module in service.jobs:
            assert list(inspect.signature(import_module(module).run).parameters) == ["settings", "stopping"]


def test_every_producer_and_listener_has_a_relay() -> None:
    producers = {producer_of(event) for event in every_event().values()}
    listeners = {name for name, service in services().items() if "worker" in service.roles}
    assert producers | listeners <= {name for name, service in services().items() if "relay" in service.roles}


def test_service_folders_and_list_agree() -> None:
    assert unlisted(SERVICES) == set()


def test_unlisted_folder_and_missing_folder_are_found(tmp_path: Path) -> None:
    for name in services().keys() - {"notify"} | {"stray"}:
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").touch()
    assert unlisted(tmp_path) == {"notify", "stray"}


@pytest.mark.parametrize(
    ("written", "instead", "complaint"),
    [
        ('"/v1/claims"', '"/v1/needs/claims"', "/v1/needs/claims is answered by needs and by matching"),
        ("port = 8003", "port = 8004", "port 8004 belongs to two services"),
        (
            'paths = ["/v1/notices", "/v1/notice-templates", "/v1/messages", "/v1/work-list", "/v1/push-subscriptions", "/v1/wechat-link", '
            '"/v1/endpoints"]',
            "paths = []",
            "notify: a `web` role",
        ),
        (
            'roles = { web = "chassis.http", worker = "chassis.worker", relay = "chassis.relay", clear',
            "roles = { clear",
            "matching: a `web`",
        ),
        (
            'commands = ["appoint_first", "import_accounts", "import_regions", "reset_second_factor"]',
            'comands = ["appoint_first"]',
            "unknown field",
        ),
    ],
)
def test_a_list_that_contradicts_itself_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str, instead: str, complaint: str
) -> None:
    listed = files("deploy").joinpath("services.toml").read_text("utf-8")
    assert written in listed
    (tmp_path / "services.toml").write_text(listed.replace(written, instead))
    monkeypatch.setattr(listing, "files", lambda package: tmp_path)
    services.cache_clear()
    try:
        with pytest.raises(ValueError, match=complaint):
            services()
    finally:
        services.cache_clear()


def test_a_path_is_found_by_its_owner_and_a_stranger_s_by_nobody() -> None:
    assert getattr(owner_of("/v1/needs/0192"), "name", None) == "needs"
    assert owner_of("/v1/needsless") is None


def test_what_is_generated_is_fresh() -> None:
    assert generate.stale(generate.wanted()) == []


def test_dead_letters_of_each_service_have_own_operations() -> None:
    operations: list[str] = []
    for name, service in services().items():
        if not service.answers:
            continue
        assert getattr(owner_of(f"/v1/{name}/dead-letters/0192/replay"), "name", None) == name
        app = create_app(name, import_module(f"{name}.api").api, database=Database("postgresql+psycopg://", name="none"), keys=KnownKeys())
        paths = app.spec["paths"]
        operations += [operation["operationId"] for path in paths.values() for operation in path.values() if "operationId" in operation]
        assert f"replay_{name}_dead_letter" in operations
        assert all(service.owns(path) for path in paths if path.startswith("/v1"))
    assert len(set(operations)) == len(operations)
