"""Values hold no secrets and nothing that no template reads."""

import base64
import json
import re

import pytest
import yaml

from tests.deploy.rendered import CHART, VALUES, helm, objects, of_kind, pods, text

SECRETS = re.compile(
    r"BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:$]+:[^$@\s]+@|\b[A-Za-z0-9_-]{43}=|(?i:password|token|secret_?key)\s*[:=]\s*[\"']?[^\s\"'{$(]"
)


@pytest.mark.parametrize("values", VALUES)
def test_values_and_rendered_manifests_hold_no_secrets(values: str) -> None:
    found = SECRETS.findall(VALUES[values].read_text("utf-8"))
    assert found == []
    rendered = text(values).replace("automountServiceAccountToken: false", "").replace("key: password", "")
    assert SECRETS.findall(rendered) == []
    assert of_kind("Secret", objects(values)) == {}


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN EC PRIVATE KEY-----",
        "amqp://needs:hunter2@rabbitmq//",
        base64.urlsafe_b64encode(bytes(range(32))).decode(),
        "password: hunter2",
    ],
)
def test_something_secret_would_be_noticed(secret: str) -> None:
    assert SECRETS.search(secret)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("settings", {"BROKER_URL": "amqp://x"}),
        ("settings", {"NEEDS_DATABASE_URL": "postgresql://x"}),
        ("settings", {"pool_size": "3"}),
        ("settings", {"POOL_SIZE": 3}),
        ("roles.web", {"replica": 3}),
        ("services.needs", {"role": {}}),
        ("image.tag", "latest"),
        ("pods.user", 0),
        ("keda.min", 0),
        ("database.host", "needs:hunter2@db"),
        ("secrets.name", "{namespace}-x"),
        ("network.clients", [{}]),
        ("watch", {}),
    ],
)
def test_secret_unsafe_and_unread_values_are_refused(path: str, value: object) -> None:
    said = helm("template", "duijie", str(CHART), "--set-json", f"{path}={json.dumps(value)}")
    assert said.returncode != 0
    assert "schema" in said.stderr


def test_a_route_without_a_host_is_refused_with_the_reason() -> None:
    said = helm("template", "duijie", str(CHART), "--set", "route.enabled=true")
    assert "route.host is the name people reach the house by" in said.stderr


def test_house_without_an_address_is_refused_with_the_reason() -> None:
    said = helm("template", "duijie", str(CHART))
    assert said.returncode != 0
    assert "PUBLIC_URL is the address that people reach the house by" in said.stderr


@pytest.mark.parametrize(("values", "address"), [("values-production", "https"), ("values-small", "http"), ("values", "https")])
def test_web_processes_know_their_public_address(values: str, address: str) -> None:
    told = [env for pod in pods(objects(values)) for one in pod.containers for env in one["env"] if env["name"] == "PUBLIC_URL"]
    assert told
    assert {env["value"].partition("://")[0] for env in told} == {address}


def test_every_default_is_described_by_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert yaml.safe_load((CHART / "values.yaml").read_text()).keys() | {"global"} == schema["properties"].keys()
