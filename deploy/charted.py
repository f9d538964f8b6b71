"""The chart's values about services: roles, queues of workers, paths, secrets."""

from importlib import import_module
from pathlib import Path
from typing import Any

from chassis.messaging.events import handlers_of
from deploy.services import Service, services

FILE = Path(__file__).resolve().parent / "chart/files/services.json"


def services_of_chart() -> dict[str, Any]:
    """Return each service's block of the chart's values, by name."""
    return {name: _block(service) for name, service in services().items()}


def _block(service: Service) -> dict[str, Any]:
    roles: dict[str, dict[str, Any]] = {role: {"module": module} for role, module in service.roles.items()}
    if "worker" in roles:
        roles["worker"]["queues"] = [handler.subscription.queue for handler in handlers_of(import_module(f"{service.name}.worker").Worker)]
    if "web" in roles:
        roles["web"] |= {"paths": service.under, "documents": [service.document]}
    if service.streams:
        roles["stream"] |= {"paths": service.streams}
    for role, secrets in service.role_secrets.items():
        roles[role]["secrets"] = secrets
    return {"secrets": service.secrets, "roles": roles} | ({"personalKeys": True} if service.personal_keys else {})
