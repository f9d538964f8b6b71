"""Broker and databases on Kubernetes fit the chart, and services have just the rights they need at the broker."""

import re
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import amqp
import pytest
import yaml

from chassis import topology
from chassis.messaging.broker import connected
from chassis.messaging.events import handlers_of
from chassis.testing.rabbitmq import RabbitMQ
from contracts.event import exchange_of
from deploy import platform
from deploy.services import services
from tests.deploy.rendered import ROOT, TOOLS, VALUES, Object, objects, of_kind, pods


@pytest.fixture(scope="module")
def applied() -> list[Object]:
    """Render the objects that `kubectl apply -k deploy/platform` would apply."""
    said = subprocess.run([TOOLS / "kubectl", "kustomize", ROOT / "deploy/platform"], capture_output=True, text=True, check=True)
    return list(yaml.load_all(said.stdout, yaml.CSafeLoader))


def test_each_service_has_its_own_roles_database_and_user(applied: list[Object]) -> None:
    cluster = of_kind("Cluster", applied)["duijie"]
    assert {role["name"] for role in cluster["spec"]["managed"]["roles"]} == {
        role for name in services() for role in (name, f"{name}_audit")
    }
    databases = [one["spec"] for one in of_kind("Database", applied).values() if one["spec"]["cluster"]["name"] == "duijie"]
    assert {(one["name"], one["owner"]) for one in databases} == {(name, f"{name}_audit") for name in services()}
    assert of_kind("User", applied).keys() - {"duijie-scaler"} == {f"duijie-{name}" for name in services()}
    assert of_kind("Permission", applied).keys() == of_kind("User", applied).keys()


def test_personal_keys_have_a_server_and_backups_of_their_own(applied: list[Object]) -> None:
    keeping = {f"{name}_keys" for name, service in services().items() if service.personal_keys}
    databases = [one["spec"] for one in of_kind("Database", applied).values() if one["spec"]["cluster"]["name"] == "duijie-keys"]
    assert {(one["name"], one["owner"]) for one in databases} == {(name, name) for name in keeping}
    clusters = of_kind("Cluster", applied)
    assert {role["name"] for role in clusters["duijie-keys"]["spec"]["managed"]["roles"]} == keeping
    stores = {
        name: of_kind("ObjectStore", applied)[one["spec"]["plugins"][0]["parameters"]["barmanObjectName"]] for name, one in clusters.items()
    }
    assert stores["duijie-keys"]["spec"]["retentionPolicy"] == "7d"
    assert len({one["spec"]["configuration"]["destinationPath"].split("/")[2] for one in stores.values()}) == len(stores)


def test_nothing_is_lost_with_one_node_or_zone_of_three(applied: list[Object]) -> None:
    for cluster in of_kind("Cluster", applied).values():
        assert cluster["spec"]["instances"] == 3
        assert cluster["spec"]["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}
    [broker] = of_kind("RabbitmqCluster", applied).values()
    assert broker["spec"]["replicas"] == 3
    assert broker["spec"]["tls"]["disableNonTLSListeners"] is True
    [apart] = broker["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == cluster["spec"]["affinity"]["topologyKey"] == "topology.kubernetes.io/zone"


def test_the_chart_s_production_finds_what_the_platform_gives(applied: list[Object]) -> None:
    clusters, [broker] = of_kind("Cluster", applied), of_kind("RabbitmqCluster", applied).values()
    given = {role["passwordSecret"]["name"] for cluster in clusters.values() for role in cluster["spec"]["managed"]["roles"]}
    given |= {f"{name}-user-credentials" for name in of_kind("User", applied)}
    values = yaml.safe_load(VALUES["values-production"].read_text())
    assert {f"{name}-rw" for name in clusters} == {values["database"]["host"], values["keysDatabase"]["host"]}
    assert values["broker"]["host"] == broker["metadata"]["name"]
    for pod in pods(objects("values-production")):
        for env in (env for one in pod.containers for env in one["env"]):
            if env["name"].startswith(("DATABASE_", "AUDIT_DATABASE_", "KEYS_DATABASE_", "BROKER_")) and "valueFrom" in env:
                assert env["valueFrom"]["secretKeyRef"]["name"] in given
    peers = str(
        [one["spec"]["egress"] for one in of_kind("NetworkPolicy", objects("values-production")).values() if "egress" in one["spec"]]
    )
    assert all(f"'cnpg.io/cluster': '{name}'" in peers for name in clusters)
    assert f"'app.kubernetes.io/name': '{broker['metadata']['name']}'" in peers


def test_all_connection_pools_fit_the_databases(applied: list[Object]) -> None:
    cluster = of_kind("Cluster", applied)["duijie"]
    among = objects("values-production")
    most = {one["spec"]["scaleTargetRef"]["name"]: one["spec"]["maxReplicas"] for one in of_kind("HorizontalPodAutoscaler", among).values()}
    most |= {one["spec"]["scaleTargetRef"]["name"]: one["spec"]["maxReplicaCount"] for one in of_kind("ScaledObject", among).values()}
    total = 0
    for name, one in of_kind("Deployment", among).items():
        settings = {env["name"]: env.get("value") for env in one["spec"]["template"]["spec"]["containers"][0]["env"]}
        if any(setting.endswith("_DATABASE_URL") for setting in settings):
            listens = name.endswith(("-relay", "-clear", "-send"))
            a_process = int(settings.get("POOL_SIZE", 20)) + listens
            # While a release is rolled out there is one process more of each.
            total += (most.get(name, one["spec"].get("replicas", 0)) + 1) * a_process
    assert total + 20 <= int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])


def _scaler_s_permissions() -> dict[str, str]:
    written = yaml.safe_load_all((ROOT / "deploy/platform/rabbitmq.yaml").read_text("utf-8"))
    [permission] = [one for one in written if one["kind"] == "Permission"]
    return dict(permission["spec"]["permissions"])


class Users:
    """The services' users at a real broker, with their rights from the platform."""

    def __init__(self, rabbitmq: RabbitMQ, vhost: str) -> None:
        self._urls = {name: rabbitmq.create_user(vhost, **platform.permissions(name)) for name in services()}
        self.scaler = rabbitmq.create_user(vhost, **_scaler_s_permissions())
        for name in services():
            places = [handler.subscription for handler in handlers_of(import_module(f"{name}.worker").Worker)]
            self.act(name, lambda channel, name=name, places=places: topology.declare(channel, name, places, 1500))

    def act(self, who: str, operation: Callable[[amqp.Channel], Any]) -> Any:
        with connected(self._urls.get(who, self.scaler), 20) as connection:
            channel = connection.channel()
            channel.confirm_select()
            return operation(channel)


@pytest.fixture(scope="module")
def users(rabbitmq: RabbitMQ) -> Iterator[Users]:
    with rabbitmq.vhost() as vhost:
        yield Users(rabbitmq, vhost)


def queues_of(service: str) -> list[str]:
    return [handler.subscription.queue for handler in handlers_of(import_module(f"{service}.worker").Worker)]


@pytest.mark.parametrize("service", services())
def test_service_declares_publishes_and_listens_as_its_own_user(users: Users, service: str) -> None:
    listener = next(name for name in services() if name != service)
    for address in ({"exchange": exchange_of(service), "routing_key": "x"}, {"exchange": "", "routing_key": queues_of(listener)[0]}):
        users.act(service, lambda channel, address=address: channel.basic_publish_confirm(amqp.Message("{}"), **address))
    for queue in queues_of(service):
        users.act(service, lambda channel, queue=queue: channel.basic_get(queue))
    for queue in (queue for name in services() for queue in queues_of(name) if queue.split(".")[1] == service):
        assert users.act(service, lambda channel, queue=queue: channel.queue_declare(queue, passive=True)).queue == queue


@pytest.mark.parametrize(
    "operation",
    [
        lambda channel: channel.basic_publish_confirm(amqp.Message("{}"), exchange=exchange_of("matching"), routing_key="match_accepted"),
        lambda channel: channel.basic_get(queues_of("matching")[0]),
        lambda channel: channel.queue_delete(queues_of("matching")[0]),
        lambda channel: channel.queue_purge(queues_of("matching")[0]),
        lambda channel: channel.queue_declare("spy", durable=True),
        lambda channel: channel.queue_bind(queues_of("needs")[0], exchange_of("insight"), "#"),
        lambda channel: channel.queue_unbind(queues_of("notify")[0], exchange_of("matching"), "#"),
        lambda channel: channel.exchange_delete(exchange_of("insight")),
    ],
    ids=[
        "tells as another",
        "hears for another",
        "deletes",
        "purges",
        "makes a queue",
        "listens to whom it need not",
        "keeps another from listening",
        "deletes an exchange",
    ],
)
def test_service_cannot_act_for_another_service(users: Users, operation: Callable[[amqp.Channel], Any]) -> None:
    with pytest.raises(amqp.AccessRefused):
        users.act("needs", operation)


def test_reading_a_queue_length_needs_write_on_newer_brokers() -> None:
    for queue in (queue for name in services() for queue in queues_of(name)):
        for rights in (platform.permissions(queue.split(".")[1]), _scaler_s_permissions()):
            assert re.search(rights["write"], queue)
    assert not any(re.search(_scaler_s_permissions()["write"], name) for name in ("amq.default", "", *map(exchange_of, services())))


def test_scaler_sees_queue_lengths_and_can_do_nothing_else(users: Users) -> None:
    assert users.act("scaler", lambda channel: channel.queue_declare(queues_of("needs")[0], passive=True)).message_count >= 0
    for operation in (
        lambda channel: channel.basic_get(queues_of("needs")[0]),
        lambda channel: channel.queue_declare("spy"),
        lambda channel: channel.queue_unbind(queues_of("needs")[0], exchange_of("matching"), "match_accepted"),
        lambda channel: channel.basic_publish_confirm(amqp.Message("{}"), exchange="", routing_key=queues_of("needs")[0]),
        lambda channel: channel.basic_publish_confirm(amqp.Message("{}"), exchange=exchange_of("needs"), routing_key="x"),
    ):
        with pytest.raises(amqp.AccessRefused):
            users.act("scaler", operation)
