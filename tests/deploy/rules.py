"""Rules for all manifests; each names the objects that break it."""

from collections.abc import Callable, Mapping
from itertools import chain

from tests.deploy.rendered import Object, of_kind, pods

Rule = Callable[[list[Object]], set[str]]
HOOK, WEIGHT = "helm.sh/hook", "helm.sh/hook-weight"


def unrestricted(among: list[Object]) -> set[str]:
    """Return pods that break the restricted Pod Security Standard, write outside /tmp, hold a token or have no memory limit."""
    return {f"{pod.name}: {why}" for pod in pods(among) for why in _loose(pod.spec, pod.containers)}


def _loose(spec: Object, containers: list[Object]) -> set[str]:
    found = {key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)}
    security = spec.get("securityContext", {})
    if not (security.get("runAsNonRoot") and security.get("runAsUser", 0) >= 1000 and _quiet(security)):
        found.add("pod")
    if spec.get("automountServiceAccountToken") is not False:
        found.add("token")
    found |= {
        f"volume {one['name']}" for one in spec.get("volumes", []) if not one.keys() & {"emptyDir", "secret", "configMap", "projected"}
    }
    for one in containers:
        own = one.get("securityContext", {})
        confined = own.get("allowPrivilegeEscalation") is False and own.get("readOnlyRootFilesystem") and _quiet(own)
        if not confined or own.get("capabilities") != {"drop": ["ALL"]} or own.get("privileged"):
            found.add(one["name"])
        if "memory" not in one["resources"]["limits"] or not {"cpu", "memory"} <= one["resources"]["requests"].keys():
            found.add(f"{one['name']}'s resources")
        if {"name": "tmp", "mountPath": "/tmp"} not in one["volumeMounts"]:
            found.add(f"{one['name']}'s /tmp")
    return found


def _quiet(security: Object) -> bool:
    return security.get("seccompProfile") == {"type": "RuntimeDefault"}


def selecting_nobody(among: list[Object]) -> set[str]:
    """Return deployments, Services, budgets and policies that select no pod or foreign pods."""
    found = set()
    for one in among:
        spec = one.get("spec", {})
        if one["kind"] in {"Deployment", "PodDisruptionBudget"}:
            wanted = spec["selector"]["matchLabels"]
        elif one["kind"] == "Service":
            wanted = spec["selector"]
        elif one["kind"] == "NetworkPolicy":
            wanted = spec["podSelector"]["matchLabels"]
        else:
            continue
        hit = {pod.name for pod in pods(among) if _matches(wanted, pod.labels)}
        everybody = one["metadata"]["name"].endswith("-nobody")
        if not hit or (not everybody and hit != {one["metadata"]["name"]}):
            found.add(f"{one['kind']} {one['metadata']['name']}")
    return found


def leading_nowhere(among: list[Object]) -> set[str]:
    """Return Services, routes, scalers and probes that name a missing port, Service or Deployment."""
    services, deployments = of_kind("Service", among), of_kind("Deployment", among)
    found = set()
    for name, service in services.items():
        ports = {
            port["name"] for pod in pods(among) if _matches(service["spec"]["selector"], pod.labels) for port in _ports(pod.containers)
        }
        targets = {port["targetPort"] for port in service["spec"]["ports"]}
        if not targets or not targets <= ports:
            found.add(f"Service {name}")
    for name, route in of_kind("HTTPRoute", among).items():
        for backend in chain.from_iterable(rule["backendRefs"] for rule in route["spec"]["rules"]):
            if backend["port"] not in {port["port"] for port in services.get(backend["name"], {"spec": {"ports": []}})["spec"]["ports"]}:
                found.add(f"HTTPRoute {name}")
    for name, ingress in of_kind("Ingress", among).items():
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            if path["backend"]["service"]["name"] not in services:
                found.add(f"Ingress {name}")
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        found |= {
            f"{kind} {name}" for name, one in of_kind(kind, among).items() if one["spec"]["scaleTargetRef"]["name"] not in deployments
        }
    for pod in pods(among):
        for one in pod.containers:
            probed = {probe["httpGet"]["port"] for key, probe in one.items() if key.endswith("Probe")}
            if not probed <= {port["name"] for port in one.get("ports", [])}:
                found.add(f"probe of {pod.name}")
    return found


def _ports(containers: list[Object]) -> list[Object]:
    return list(chain.from_iterable(one.get("ports", []) for one in containers))


def _matches(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(wanted) and wanted.items() <= labels.items()


def before_their_time(among: list[Object]) -> set[str]:
    """Return the chart's objects that a hook's pod uses before they exist: no hooks, or hooks of no lower weight."""
    weights = {
        (one["kind"], one["metadata"]["name"]): int(one["metadata"]["annotations"][WEIGHT])
        for one in among
        if HOOK in one["metadata"].get("annotations", {})
    }
    standing = {(one["kind"], one["metadata"]["name"]) for one in among}
    found = set()
    for pod in pods(among):
        key = (pod.owner["kind"], pod.name)
        if key not in weights:
            continue
        used = {("ServiceAccount", pod.spec["serviceAccountName"])}
        used |= {("ConfigMap", one["configMap"]["name"]) for one in pod.spec["volumes"] if "configMap" in one}
        secrets = {one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one}
        secrets |= {env["valueFrom"]["secretKeyRef"]["name"] for one in pod.containers for env in one["env"] if "valueFrom" in env}
        used |= {(kind, name) for kind in ("Secret", "ExternalSecret") for name in secrets if (kind, name) in standing}
        used |= {
            ("NetworkPolicy", name)
            for name, policy in of_kind("NetworkPolicy", among).items()
            if not name.endswith("-nobody") and _matches(policy["spec"]["podSelector"]["matchLabels"], pod.labels)
        }
        found |= {f"{pod.name} uses {kind} {name}" for kind, name in used if weights.get((kind, name), weights[key]) >= weights[key]}
    return found


def unreachable_by_policy(among: list[Object]) -> set[str]:
    """Return pods without a policy that allows DNS and the database or broker in their environment."""
    policies = of_kind("NetworkPolicy", among)
    found = set()
    for pod in pods(among):
        rules = policies.get(pod.name, {"spec": {"egress": []}})["spec"]["egress"]
        allowed = {port["port"] for rule in rules for port in rule["ports"]}
        settings = {env["name"] for one in pod.containers for env in one["env"]}
        needed = {53} | ({5432} if any(name.endswith("_DATABASE_URL") for name in settings) else set())
        needed |= ({5671} if "BROKER_URL" in settings else set()) | ({8000} if "JWKS_URL" in settings else set())
        if not needed <= allowed:
            found.add(f"{pod.name} does not reach {sorted(needed - allowed)}")
        if unneeded := (allowed & {5432, 5671}) - needed:
            found.add(f"{pod.name} reaches {sorted(unneeded)} for nothing")
    return found


RULES: list[Rule] = [unrestricted, selecting_nobody, leading_nowhere, before_their_time, unreachable_by_policy]
