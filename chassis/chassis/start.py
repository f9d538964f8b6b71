"""Start of a process: the service named on the command line, and every setting that the process needs."""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import Any

from chassis.data.encryption import EncryptionSettings, FingerprintSettings, encrypted_models
from chassis.data.personal_keys import KeyEncryptionSettings, KeysDatabaseSettings
from chassis.environment import ReadsEnvironment, read_all
from chassis.failures import Parser
from chassis.settings import LogSettings, RetentionSettings, Settings, WebSettings

SHARED = {"chassis", "contracts"}


def installed_service(name: str) -> str:
    """Return the name of a service whose code is installed here; the type of an argument of a command line."""
    if not name.isidentifier() or name in SHARED or find_spec(name) is None or find_spec(f"{name}.migrations") is None:
        raise argparse.ArgumentTypeError(f"no service {name} is installed here, but {', '.join(_services()) or 'none'}")
    return name


def _services() -> Iterator[str]:
    names = (distribution.name.removeprefix("duijie-") for distribution in distributions() if distribution.name.startswith("duijie-"))
    yield from sorted(set(names) - SHARED)


def service_of_command_line(description: str | None) -> str:
    """Return the one service that the command line names. Exits with one line when it names none, or one that is not installed."""
    parser = Parser(description=description)
    parser.add_argument("service", type=installed_service)
    service: str = parser.parse_args().service
    return service


def read_settings(service: str, *more: type[ReadsEnvironment]) -> Settings:
    """Read the settings of a service and check `more`. Raises one `SettingsError` naming all that are missing or wrong."""
    settings: Settings = read_all(partial(Settings.of, service), LogSettings.of_environment, *(one.of_environment for one in more))[0]
    return settings


def read_role_settings(service: str, *more: type[ReadsEnvironment]) -> Settings:
    """Read as `read_settings`, for a process that runs the service's own code: with the keys of its encrypted columns, if any."""
    models = list(encrypted_models(service))
    own: list[Callable[[], Any]] = [RetentionSettings.of_environment]
    own += [EncryptionSettings.of_environment] if models else []
    if any(one.person for one in models):
        own += [KeyEncryptionSettings.of_environment, partial(KeysDatabaseSettings.of, service)]
    settings: Settings = read_all(partial(read_settings, service, *more), *own)[0]
    return settings


def read_web_settings(service: str, *more: type[ReadsEnvironment]) -> tuple[Settings, WebSettings]:
    """Read the settings of a web process: also those that `<service>.web` lists as `SETTINGS`. Check `more`."""
    own = getattr(import_module(f"{service}.web"), "SETTINGS", ())
    return read_role_settings(service, WebSettings, FingerprintSettings, *own, *more), WebSettings.of_environment()
