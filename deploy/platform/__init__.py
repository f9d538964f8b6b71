"""Broker and databases on Kubernetes, made from the list of services."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from chassis.messaging.events import handlers_of
from contracts.event import exchange_of, producer_of
from deploy.services import services

HERE = Path(__file__).resolve().parent
BROKER = {"name": "duijie-rabbitmq"}
MADE = "# Made from deploy/services.toml by `make generate`.\n"


def render_files() -> dict[Path, str]:
    """Render the generated files by path."""
    of_services = [one for name in services() for one in (*_broker(name), _database(name, f"{name}_audit", "duijie"))]
    roles = [role for name in services() for role in (name, f"{name}_audit")]
    keys = [f"{name}_keys" for name, service in services().items() if service.personal_keys]
    return {
        HERE / "services.yaml": _text([*of_services, *(_database(name, name, "duijie-keys") for name in keys)]),
        HERE / "roles.yaml": _text([_roles("duijie", roles), _roles("duijie-keys", keys)]),
    }


def permissions(service: str) -> dict[str, str]:
    """Return a service's rights at the broker, for its topology step, worker and relay.

    Declaring an existing exchange needs the right to configure it. Dead-lettering to a queue, and resending to one queue, needs the
    right to write to the default exchange. Since RabbitMQ 4.2.6 only users with a right to a queue see its length; the right to write
    also lets them bind and unbind it at exchanges that they may read.
    """
    own = rf"{service}[.].*"
    heard = {exchange_of(producer_of(handler.subscription.event)) for handler in handlers_of(import_module(f"{service}.worker").Worker)}
    producers = [exchange.replace(".", "[.]") for exchange in sorted(heard - {exchange_of(service)})]
    return {
        "configure": _any([own, *producers]),
        "write": _any([own, rf"[a-z]+[.]{service}[.].*", r"amq[.]default"]),
        "read": _any([own, *producers]),
    }


def _any(names: Iterable[str]) -> str:
    return f"^({'|'.join(names)})$"


def _broker(service: str) -> list[dict[str, Any]]:
    name = f"duijie-{service}"
    user = {"tags": [], "rabbitmqClusterReference": BROKER}
    permission = {
        "vhost": "duijie",
        "userReference": {"name": name},
        "permissions": permissions(service),
        "rabbitmqClusterReference": BROKER,
    }
    return [
        {"apiVersion": "rabbitmq.com/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, spec in (("User", user), ("Permission", permission))
    ]


def _database(name: str, owner: str, cluster: str) -> dict[str, Any]:
    # The owner of a service's database could drop it with its audit log: it is a role that migrates, and that no running process is.
    spec = {"name": name, "owner": owner, "cluster": {"name": cluster}, "databaseReclaimPolicy": "retain"}
    metadata = {"name": f"duijie-{name.replace('_', '-')}"}
    return {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Database", "metadata": metadata, "spec": spec}


def _roles(cluster: str, names: list[str]) -> dict[str, Any]:
    roles = [
        {"name": role, "ensure": "present", "login": True, "passwordSecret": {"name": f"duijie-{role.replace('_', '-')}-database"}}
        for role in names
    ]
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": cluster},
        "spec": {"managed": {"roles": roles}},
    }


def _text(objects: list[dict[str, Any]]) -> str:
    written: str = yaml.safe_dump_all(objects, sort_keys=False, width=140)
    return MADE + written
