"""The single list of services is true: every path has one owner, every role a module, every worker its queues in the catalogue."""

import importlib.util
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

from deploy import generate
from deploy import services as listing
from deploy.services import owner_of, services


def test_every_route_of_a_service_lies_under_its_own_paths() -> None:
    for name, service in services().items():
        blueprint = import_module(f"{name}.api").api
        from apiflask import APIFlask

        app = APIFlask(name)
        app.register_blueprint(blueprint)
        routes = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{name}.")}
        assert routes
        strangers = {route for route in routes if not service.owns(route)}
        assert not strangers


def test_every_role_has_a_module_that_can_be_run() -> None:
    for service in services().values():
        for module in service.roles.values():
            assert importlib.util.find_spec(module) is not None


def test_every_service_in_the_tree_is_listed() -> None:
    standing = {path.name for path in (Path(__file__).resolve().parents[2] / "services").iterdir() if (path / "pyproject.toml").exists()}
    assert standing == set(services())


def test_two_owners_of_one_path_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "services.toml").write_text(
        files("deploy").joinpath("services.toml").read_text("utf-8").replace('"/v1/claims"', '"/v1/needs/claims"')
    )
    monkeypatch.setattr(listing, "files", lambda package: tmp_path)
    services.cache_clear()
    try:
        with pytest.raises(ValueError, match="/v1/needs/claims"):
            services()
    finally:
        services.cache_clear()


def test_a_path_is_found_by_its_owner_and_a_stranger_s_by_nobody() -> None:
    assert getattr(owner_of("/v1/needs/0192"), "name", None) == "needs"
    assert owner_of("/v1/needsless") is None


def test_what_is_generated_is_fresh() -> None:
    assert generate.stale(generate.wanted()) == []
