"""The chart deploys what the code has, and nothing else; every manifest keeps the rules."""

import ast
import re
import subprocess
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.data.encryption import keeps_personal_keys
from chassis.http.server import KILL_SECONDS
from chassis.messaging.events import handlers_of
from chassis.settings import WebSettings
from deploy.services import owner_of, services
from tests.deploy.rendered import CHART, ROOT, TOOLS, VALUES, Object, helm, objects, of_kind, pods, text
from tests.deploy.rules import (
    HOOK,
    RULES,
    WEIGHT,
    Rule,
    before_their_time,
    leading_nowhere,
    selecting_nobody,
    unreachable_by_policy,
    unrestricted,
)

COMPONENT = "app.kubernetes.io/component"
OPERATORS = {"HTTPRoute", "PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication", "ExternalSecret"}
"""Kinds that come with operators; Kubernetes itself has no schema for them."""
ALL_ON = {
    "route": {"enabled": True, "host": "duijie.example.org"},
    "ingress": {"enabled": True, "host": "duijie.example.org", "tlsSecret": "tls"},
    "keda": {"enabled": True},
    "otlp": {"endpoint": "http://collector.observability:4318"},
    "rateStore": {"secret": "rates"},
}


@pytest.mark.parametrize("values", VALUES)
def test_helm_has_nothing_to_complain_of(values: str) -> None:
    said = helm("lint", "--strict", "--values", str(VALUES[values]), str(CHART))
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("values", VALUES)
def test_kubernetes_would_take_every_object(values: str, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(text(values))
    said = subprocess.run([TOOLS / "kubernetes-validate", "--strict", manifest], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert set(re.findall(r"Couldn't find schema for kind (\w+)", said.stdout + said.stderr)) <= OPERATORS
    manifest.write_text(text(values).replace("terminationGracePeriodSeconds", "terminationGraceSeconds"))
    assert subprocess.run([TOOLS / "kubernetes-validate", "--strict", manifest], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("values", VALUES)
def test_no_object_breaks_a_rule(values: str, rule: Rule) -> None:
    assert rule(objects(values)) == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_object_breaks_a_rule_with_everything_switched_on(rule: Rule) -> None:
    assert rule(objects("values", **ALL_ON)) == set()


class House:
    """All objects, some of them named for changing."""

    def __init__(self) -> None:
        self.all = objects("values", **ALL_ON)
        self.pod = next(pod.spec for pod in pods(self.all) if pod.name == "duijie-needs-web")
        self.container = self.pod["containers"][0]
        self.service = self.of("Service", "needs-web")["spec"]

    def of(self, kind: str, name: str) -> Object:
        return of_kind(kind, self.all)[f"duijie-{name}"]

    def without(self, kind: str, name: str) -> None:
        self.all.remove(self.of(kind, name))


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        (unrestricted, lambda house: house.container["securityContext"].pop("readOnlyRootFilesystem")),
        (unrestricted, lambda house: house.container["securityContext"].pop("capabilities")),
        (unrestricted, lambda house: house.container["resources"]["limits"].pop("memory")),
        (unrestricted, lambda house: house.container["volumeMounts"].clear()),
        (unrestricted, lambda house: house.pod["securityContext"].update(runAsUser=0)),
        (unrestricted, lambda house: house.pod.pop("automountServiceAccountToken")),
        (unrestricted, lambda house: house.pod["volumes"].append({"name": "host", "hostPath": {"path": "/"}})),
        (selecting_nobody, lambda house: house.service["selector"].update({COMPONENT: "wep"})),
        (selecting_nobody, lambda house: house.of("PodDisruptionBudget", "needs-web")["spec"]["selector"]["matchLabels"].pop(COMPONENT)),
        (leading_nowhere, lambda house: house.service["ports"][0].update(targetPort="web")),
        (leading_nowhere, lambda house: house.service["ports"].clear()),
        (leading_nowhere, lambda house: house.without("Service", "needs-web")),
        (leading_nowhere, lambda house: house.without("Deployment", "needs-worker")),
        (before_their_time, lambda house: house.of("ServiceAccount", "prepare")["metadata"].pop("annotations")),
        (before_their_time, lambda house: house.of("NetworkPolicy", "needs-prepare")["metadata"]["annotations"].update({WEIGHT: "5"})),
        (unreachable_by_policy, lambda house: house.of("NetworkPolicy", "needs-worker")["spec"]["egress"].pop(1)),
        (unreachable_by_policy, lambda house: house.without("NetworkPolicy", "needs-prepare")),
    ],
)
def test_a_spoilt_object_is_noticed(rule: Rule, spoil: Callable[[House], Any]) -> None:
    house = House()
    assert rule(house.all) == set()
    spoil(house)
    assert rule(house.all)


def test_each_role_has_one_deployment_that_runs_its_module() -> None:
    wanted = {
        f"duijie-{service.name}-{role}": ["python", "-m", module, service.name]
        for service in services().values()
        for role, module in service.roles.items()
    }
    wanted["duijie-docs"] = ["python", "-m", "chassis.docs", *sorted(name for name, service in services().items() if service.answers)]
    wanted["duijie-pages"] = ["python", "-m", "chassis.pages", "/opt/duijie/pages"]
    deployed = {name: one["spec"]["template"]["spec"]["containers"][0]["command"] for name, one in of_kind("Deployment", objects()).items()}
    assert deployed == wanted


def test_each_listener_has_a_worker_scaled_by_all_its_queues() -> None:
    scalers = of_kind("ScaledObject", objects("values-production"))
    scaled = {name: [trigger["metadata"]["queueName"] for trigger in one["spec"]["triggers"]] for name, one in scalers.items()}
    listening = {
        f"duijie-{path.name}-worker": [handler.subscription.queue for handler in handlers_of(import_module(f"{path.name}.worker").Worker)]
        for path in sorted((ROOT / "services").glob("*"))
        if (path / path.name / "worker.py").exists()
    }
    assert scaled == listening
    assert all("replicas" not in of_kind("Deployment", objects("values-production"))[name]["spec"] for name in scaled)
    assert all(one["spec"]["minReplicaCount"] >= 1 for one in scalers.values())


def test_migrations_and_topology_run_before_a_release_starts() -> None:
    jobs = of_kind("Job", objects())
    steps = {
        name: [container["command"][2:] for container in pod.containers]
        for pod in pods(objects())
        if (name := pod.name) in jobs and jobs[name]["metadata"]["annotations"][HOOK] == "pre-install,pre-upgrade"
    }
    assert steps == {f"duijie-{name}-prepare": [["chassis.migrate", name], ["chassis.topology", name]] for name in services()}


SECRET = {
    "SEAL_KEYS", "KEY_ENCRYPTION_KEYS", "FINGERPRINT_KEY", "CODE_KEYS", "DOOR_KEYS", "TENCENT_SECRET_ID", "TENCENT_SECRET_KEY",
    "ALIYUN_KEY_ID", "ALIYUN_KEY_SECRET", "SMTP_PASSWORD", "VAPID_PRIVATE_KEY", "WECHAT_APP_SECRET", "SMS_REPORT_KEYS",
}  # fmt: skip


@pytest.mark.parametrize("values", VALUES)
def test_each_process_gets_only_the_secrets_of_its_service(values: str) -> None:
    for pod in pods(objects(values)):
        service, role = pod.labels["app.kubernetes.io/name"], pod.labels["app.kubernetes.io/component"]
        settings = {env["name"] for one in pod.containers for env in one["env"]}
        if role == "pages":
            assert not settings & SECRET
            assert not {one for one in settings if one.endswith("DATABASE_URL") or one in {"BROKER_URL", "JWKS_URL"}}
            continue
        works = role != "docs"
        listed = services()[service]
        secrets = {*listed.secrets, *listed.role_secrets.get(role, [])} if works and role != "prepare" else set()
        assert settings & SECRET == secrets
        assert (f"{service.upper()}_DATABASE_URL" in settings) is works
        migrating = {one["name"] for one in pod.containers for env in one["env"] if env["name"] == f"{service.upper()}_AUDIT_DATABASE_URL"}
        assert migrating == ({"migrate"} if role == "prepare" else set())
        keyed = {one["name"] for one in pod.containers for env in one["env"] if env["name"] == f"{service.upper()}_KEYS_DATABASE_URL"}
        holding = {"prepare": "migrate", "relay": None, "docs": None}.get(role, role) if listed.personal_keys else None
        assert keyed == ({holding} if holding else set())
        assert ("BROKER_URL" in settings) is (role in {"worker", "relay", "prepare"})
        assert ("USERS_SIGNING_KEYS" in settings) is ((service, role) == ("users", "web"))
        assert ("JWKS_URL" in settings) is (role in {"web", "stream"} and service != "users")


def test_services_list_exactly_the_secrets_that_they_use() -> None:
    words = dict.fromkeys(("Encrypted", "EncryptedBytes", "EncryptionSettings"), "SEAL_KEYS")
    words |= dict.fromkeys(("fingerprint", "FingerprintSettings"), "FINGERPRINT_KEY")
    words |= {"door": "DOOR_KEYS", "DoorSettings": "DOOR_KEYS", "CodeSettings": "CODE_KEYS"}
    modules = {"chassis.data.encryption", "chassis.http.doors", "users.codes.settings"}
    for name, service in services().items():
        # Bodies of requests with an Idempotency-Key are fingerprinted by the chassis.
        used = {"FINGERPRINT_KEY"} if service.answers else set()
        used |= {"KEY_ENCRYPTION_KEYS"} if keeps_personal_keys(name) else set()
        assert service.personal_keys is keeps_personal_keys(name)
        for path in (ROOT / "services" / name / name).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module in modules:
                    used |= {words[alias.name] for alias in node.names if alias.name in words}
        assert {
            *service.secrets,
            *(
                one
                for listed in service.role_secrets.values()
                for one in listed
                if not one.startswith(("TENCENT_", "ALIYUN_", "SMTP_", "SMS_", "VAPID_", "WECHAT_"))
            ),
        } == used


def test_only_the_sender_reaches_the_door_and_the_provider() -> None:
    among = objects("values-production")
    policies = of_kind("NetworkPolicy", among)
    callers = [{"app.kubernetes.io/name": "notify", COMPONENT: role} for role in ("send", "web")]
    doors = [
        peer["podSelector"]["matchLabels"]
        for rule in policies["duijie-users-web"]["spec"]["ingress"]
        for peer in rule["from"]
        if peer.get("podSelector", {}).get("matchLabels", {}).get(COMPONENT)
    ]
    assert len(doors) == len(callers)
    assert all(any(one.items() <= door.items() for door in doors) for one in callers)
    abroad = {
        name for name, one in policies.items() if any(peer.get("ipBlock") for rule in one["spec"].get("egress", []) for peer in rule["to"])
    }
    assert abroad == {"duijie-notify-send"}
    addresses = {
        pod.name: env["value"] for pod in pods(among) for one in pod.containers for env in one["env"] if env["name"] == "USERS_URL"
    }
    assert addresses == dict.fromkeys(("duijie-notify-send", "duijie-notify-web"), "http://duijie-users-web:8000")


def test_sender_reaches_endpoints_on_their_ports_and_networks() -> None:
    def reaches(**settings: str) -> set[tuple[str, int]]:
        """Return the addresses and ports abroad that the sender's policy allows."""
        more = {"services": {"notify": {"settings": settings}}} if settings else {}
        policy = of_kind("NetworkPolicy", objects("values-production", **more))["duijie-notify-send"]
        rules = [rule for rule in policy["spec"]["egress"] if any("ipBlock" in peer for peer in rule["to"])]
        return {(peer["ipBlock"]["cidr"], port["port"]) for rule in rules for peer in rule["to"] for port in rule["ports"]}

    everywhere = "0.0.0.0/0"
    ours = {(everywhere, port) for port in (443, 465, 587)}
    assert reaches() == ours
    networks = ("59.192.0.0/10", "59.128.0.1/32", "fd12::1/128")
    found = reaches(ENDPOINT_PORTS="443,8443", ENDPOINT_NETWORKS="59.192.0.0/10,59.128.0.1,fd12::1")
    assert found == ours | {(everywhere, 8443)} | {(one, port) for one in networks for port in (443, 8443)}


def test_no_route_leads_to_a_door() -> None:
    for service in services().values():
        assert not [door for door in service.doors if owner_of(f"{door}/x")]
        assert all(not path.startswith("/internal") for path in service.under)


def test_settings_of_pods_stand_on_the_operators_page() -> None:
    page = "".join(path.read_text("utf-8") for path in [ROOT / "docs/operating.md", *(ROOT / "docs").glob("operating/*.md")])
    parts = ("DATABASE", "AUDIT_DATABASE", "KEYS_DATABASE", "BROKER")
    credentials = {f"{what}_{which}" for what in parts for which in ("USERNAME", "PASSWORD")}
    settings = {env["name"] for pod in pods(objects("values-production")) for one in pod.containers for env in one["env"]} - credentials
    assert {name for name in settings if f"`{name}`" not in page and not name.endswith("_DATABASE_URL")} == set()


def test_all_paths_lead_to_their_owner_from_one_origin() -> None:
    routes = of_kind("HTTPRoute", objects("values", route=ALL_ON["route"]))
    matches = {
        match["path"]["value"]: rule["backendRefs"][0]["name"]
        for route in routes.values()
        for rule in route["spec"]["rules"]
        for match in rule["matches"]
    }
    assert all(len(rule["matches"]) <= 8 for route in routes.values() for rule in route["spec"]["rules"])
    assert {one for route in routes.values() for one in route["spec"]["hostnames"]} == {"duijie.example.org"}
    for path, backend in matches.items():
        owner = owner_of(path)
        role = "stream" if owner and path in owner.streams else "web"
        assert backend == (f"duijie-{owner.name}-{role}" if owner else "duijie-docs" if path == "/docs" else "duijie-pages")
    answering = [service for service in services().values() if service.answers]
    needed = {path for service in answering for path in [*service.under, *service.streams, service.document]} | {"/docs", "/"}
    assert set(matches) == needed
    ingress = of_kind("Ingress", objects("values-small"))["duijie"]["spec"]["rules"][0]["http"]["paths"]
    assert {path["path"]: path["backend"]["service"]["name"] for path in ingress} == matches


def test_route_timeouts_exceed_request_deadlines() -> None:
    stream = {"notify": {"roles": {"stream": {"module": "notify.stream", "paths": ["/v1/notices/stream"]}}}}
    routes = of_kind("HTTPRoute", objects("values", route=ALL_ON["route"], services=stream))
    timeouts = {name: {rule["timeouts"]["request"] for rule in route["spec"]["rules"]} for name, route in routes.items()}
    assert timeouts.pop("duijie-notify-stream") == {"0s"}
    [[wait]] = {tuple(one) for one in timeouts.values()}
    assert float(wait.removesuffix("s")) > WebSettings.of_environment().request_seconds


def test_a_pod_has_the_time_to_finish_what_it_began() -> None:
    longest = dict.fromkeys(("web", "docs", "pages"), KILL_SECONDS)
    for pod in pods(objects()):
        if pod.owner["kind"] == "Job":
            continue
        [container] = pod.spec["containers"]
        before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        settings = {env["name"]: env.get("value") for env in container["env"]}
        drains = int(settings.get("DRAIN_SECONDS", 0))
        busy = pod.spec["terminationGracePeriodSeconds"] - before - drains
        assert busy >= longest.get(pod.labels["app.kubernetes.io/component"], 40)
        if "http" in {port["name"] for port in container["ports"]}:
            ready = container["readinessProbe"]
            assert before + drains > ready["periodSeconds"] * ready["failureThreshold"]
            kept_seconds = httpx.Limits().keepalive_expiry or 0
            assert drains > kept_seconds, "a connection that rests may be used while its process closes it"


def test_processes_without_routes_are_ready_when_connected() -> None:
    """Liveness asks for less: an outage of database or broker restarts no pod."""
    for pod in pods(objects()):
        if pod.owner["kind"] == "Job" or pod.labels["app.kubernetes.io/component"] in {"web", "stream", "docs", "pages"}:
            continue
        [container] = pod.spec["containers"]
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
        assert container["livenessProbe"]["httpGet"] == {"path": "/metrics?name%5B%5D=python_info", "port": "metrics"}


def test_lost_zone_does_not_stop_pods_from_starting_elsewhere() -> None:
    for one in of_kind("Deployment", objects("values-production")).values():
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert {each["nodeTaintsPolicy"] for each in spread if each["whenUnsatisfiable"] == "DoNotSchedule"} == {"Honor"}


def test_a_service_is_added_by_a_block_of_values_alone() -> None:
    block = {"gazettes": {"secrets": ["SEAL_KEYS"], "roles": {
        "web": {"module": "chassis.http", "paths": ["/v1/gazettes"]},
        "worker": {"module": "chassis.worker", "queues": ["gazettes.needs.need_published.v1"]},
        "bind": {"module": "gazettes.bind"},
    }}}  # fmt: skip
    among = objects("values", services=block, **ALL_ON)
    assert [found for rule in RULES for found in rule(among)] == []
    assert {"duijie-gazettes-web", "duijie-gazettes-worker", "duijie-gazettes-bind"} <= of_kind("Deployment", among).keys()
    assert "duijie-gazettes-worker" in of_kind("ScaledObject", among)
    assert "duijie-gazettes-web" in of_kind("HTTPRoute", among)
    assert "duijie-gazettes-prepare" in of_kind("Job", among)


def test_settings_of_a_role_override_common_settings() -> None:
    services = {"needs": {"settings": {"POOL_SIZE": "30"}, "roles": {"web": {"settings": {"WEB_THREADS": "16"}}}}}
    among = objects("values", settings={"POOL_SIZE": "10", "WEB_THREADS": "4"}, services=services)
    settings = {pod.name: {env["name"]: env.get("value") for env in pod.spec["containers"][0]["env"]} for pod in pods(among)}
    assert (settings["duijie-needs-web"]["POOL_SIZE"], settings["duijie-needs-web"]["WEB_THREADS"]) == ("30", "16")
    assert (settings["duijie-needs-relay"]["POOL_SIZE"], settings["duijie-needs-relay"]["WEB_THREADS"]) == ("30", "4")
    assert settings["duijie-users-web"]["POOL_SIZE"] == "10"
    assert settings["duijie-users-web"]["DRAIN_SECONDS"] == "10"


def test_composed_addresses_come_after_their_parts() -> None:
    for pod in pods(objects("values-production")):
        for one in pod.containers:
            names = [env["name"] for env in one["env"]]
            for at, env in enumerate(one["env"]):
                assert set(re.findall(r"\$\((\w+)\)", env.get("value", ""))) <= set(names[:at])


def test_every_setting_of_the_chart_is_read_by_a_process() -> None:
    modules = [*(ROOT / "chassis/chassis").rglob("*.py"), *(ROOT / "services").glob("*/*/**/*.py")]
    read = set(re.findall(r"\"([A-Z][A-Z_]{3,})\"", "".join(path.read_text("utf-8") for path in modules)))
    settings = {
        env["name"] for pod in pods(objects("values-production")) for one in pod.containers for env in one["env"] if "valueFrom" not in env
    }
    assert {name for name in settings if not name.endswith("_DATABASE_URL")} - read <= {"SSL_CERT_FILE"}  # read by OpenSSL
