"""Reading of environment variables: every one is checked, and one error names all that are missing or wrong."""

import os
import re
import ssl
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import psycopg
from environs import Env, EnvError
from marshmallow import ValidationError
from marshmallow.validate import URL, OneOf, Range, Regexp
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
MOST_MILLISECONDS = 2**31 - 1
SHARED_STORES = {
    "redis",
    "rediss",
    "redis+cluster",
    "redis+sentinel",
    "redis+unix",
    "valkey",
    "valkeys",
    "valkey+cluster",
    "valkey+sentinel",
}
_ORIGIN = r"\*|[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@,*]+"
_SITE = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/?\Z")
LEAST_KEY_BYTES = 32
IPNetwork = IPv4Network | IPv6Network
NEEDED: Any = ...
"""The default of a setting that has none."""

T = TypeVar("T")


class SettingsError(EnvError):
    """Settings that are missing or wrong. `problems` says of each what it needs, and never holds its value."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name} {problem}" for name, problem in problems.items()))
        self.problems = problems


class ReadsEnvironment(Protocol):
    """A class of settings."""

    @classmethod
    def of_environment(cls) -> Any:
        """Read the settings. Raises `SettingsError` naming each that is missing or wrong."""
        ...


def read_all(*readers: Callable[[], Any]) -> list[Any]:
    """Call each reader and return the results. Raises one `SettingsError` with the problems of all."""
    found, problems = [], dict[str, str]()
    for read in readers:
        try:
            found.append(read())
        except SettingsError as error:
            problems |= error.problems
    if problems:
        raise SettingsError(problems)
    return found


class Environment:
    """Environment variables. Each method reads one and remembers what is wrong with it; `check` raises it all.

    An empty variable counts as not set.
    """

    def __init__(self) -> None:
        self._env = Env()
        self._problems: dict[str, str] = {}

    def check(self) -> None:
        """Raise `SettingsError` when a variable that was read is missing or wrong."""
        if self._problems:
            raise SettingsError(self._problems)

    def host(self, name: str, default: str) -> str:
        """Read a name or an address of a machine."""
        wanted = "a name or an address of this machine, such as 0.0.0.0"
        return self._read(self._env.str, name, default, wanted, Regexp(r"[A-Za-z0-9._:%-]+\Z"))

    def parsed(self, name: str, parse: Callable[[str], T], wanted: str) -> T:
        """Read a needed variable with a function that raises `ValueError` or `OSError` for a wrong one."""
        found = self._read(self._env.str, name, NEEDED, wanted)
        try:
            return parse(found) if name not in self._problems else None  # type: ignore[return-value]
        except (ValueError, OSError):
            self._problems[name] = f"is wrong: it needs {wanted}"
            return None  # type: ignore[return-value]

    def text(self, name: str, default: str, wanted: str, pattern: str) -> str:
        """Read a text that matches a pattern as a whole."""
        return self._read(self._env.str, name, default, wanted, Regexp(rf"(?:{pattern})\Z"))

    def is_any_set(self, *names: str) -> bool:
        """Tell whether at least one of these variables is set."""
        return any(os.environ.get(name) for name in names)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Read a whole number."""
        return self._read(self._env.int, name, default, f"a whole number from {least} to {most}", Range(least, most))

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """Read a number."""
        return self._read(self._env.float, name, default, f"a number from {least:g} to {most:g}", Range(least, most))

    def one_of(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Read one of some words."""
        return self._read(self._env.str, name, default, f"one of {', '.join(choices)}", OneOf(choices))

    def web_address(self, name: str, default: str, example: str) -> str:
        """Read an address of HTTP or HTTPS."""
        url = URL(require_tld=False, schemes={"http", "https"})
        return self._read(self._env.str, name, default, f"an address such as {example}", url)

    def site_address(self, name: str, default: Any = NEEDED) -> str:
        """Read the address of a site: a scheme, a host and a port at most. Returns "" when it is missing or wrong."""
        found: str = self._read(self._env.str, name, default, "the address of the site, such as https://example.org", Regexp(_SITE))
        return found if name not in self._problems else ""

    def database_address(self, name: str) -> str:
        """Read the address of a PostgreSQL database."""
        wanted = "the address of a PostgreSQL database, such as postgresql+psycopg://user:password@host:5432/database"
        found: str = self._read(self._env.str, name, NEEDED, wanted, _check_database_address)
        return found

    def broker_address(self, name: str, default: str) -> str:
        """Read the address of a RabbitMQ virtual host."""
        wanted = "the address of RabbitMQ, such as amqps://user:password@host:5671/vhost"
        return self._read(self._env.str, name, default, wanted, _check_broker_address)

    def store_address(self, name: str) -> str:
        """Read the address of a store of counters, empty when not set."""
        wanted = "the address of a Redis that all processes share, such as redis://host:6379"
        return self._read(self._env.str, name, "", wanted, _check_store_address)

    def rate(self, name: str, default: str) -> str:
        """Read a limit of requests in a time."""
        return self._read(self._env.str, name, default, "a number of requests in a time, such as 1200/minute", _check_rate)

    def origins(self, name: str) -> list[str]:
        """Read origins of pages, separated by commas."""
        listed: str = self._read(self._env.str, name, "", "origins without a path, such as https://app.example.org", _check_origins)
        return [one.strip() for one in listed.split(",")] if listed else []

    def networks(self, name: str) -> tuple[IPNetwork, ...]:
        """Read networks of addresses, separated by commas; none when not set."""
        wanted = "networks separated by commas, such as 10.1.0.0/16"
        listed: str = self._read(self._env.str, name, "", wanted, _parse_networks)
        return _parse_networks(listed) if listed else ()

    def authorities(self, name: str) -> str:
        """Read the name of a file of certificates, empty when not set."""
        return self._read(self._env.str, name, "", "a file of certificates that this process can read", _check_authorities)

    def _read(self, read: Any, name: str, default: T, wanted: str, *checks: Callable[[Any], Any]) -> T:
        if not os.environ.get(name):
            if default is NEEDED:
                self._problems[name] = f"is missing: it needs {wanted}"
            return default
        try:
            found: T = read(name, validate=list(checks))
            return found
        except EnvError:
            self._problems[name] = f"is wrong: it needs {wanted}"
            return default


def _parse_networks(listed: str) -> tuple[IPNetwork, ...]:
    try:
        return tuple(ip_network(one.strip()) for one in listed.split(","))
    except ValueError as error:
        raise ValidationError("networks") from error


def _check_port(port: int | None) -> None:
    if port is not None and not 1 <= port <= 65_535:
        raise ValidationError("port")


def parse_long_keys(listed: str) -> list[bytes]:
    """Parse secret keys separated by commas. Raises ValueError for one that is short or not ASCII."""
    keys = [key.strip().encode("ascii") for key in listed.split(",")]
    if any(len(key) < LEAST_KEY_BYTES for key in keys):
        raise ValueError("a key is short")
    return keys


def _check_database_address(text: str) -> None:
    try:
        url = make_url(text)
        _check_port(url.port)
        conninfo_to_dict(url.set(drivername="postgresql").render_as_string(hide_password=False))
    except (ArgumentError, ValueError, psycopg.Error) as error:
        raise ValidationError("address") from error
    if url.drivername not in {"postgresql", "postgresql+psycopg"} or not url.database:
        raise ValidationError("address")


def _check_broker_address(text: str) -> None:
    try:
        parts = urlsplit(text)
        _check_port(parts.port)
    except ValueError as error:
        raise ValidationError("address") from error
    if parts.scheme not in {"amqp", "amqps"} or not parts.hostname:
        raise ValidationError("address")


def _check_store_address(text: str) -> None:
    try:
        parts = urlsplit(text)
        _check_port(parts.port if "," not in parts.netloc else None)
    except ValueError as error:
        raise ValidationError("address") from error
    if parts.scheme not in SHARED_STORES or not (parts.netloc or parts.path):
        raise ValidationError("address")


def _check_rate(text: str) -> None:
    from limits import parse

    try:
        if parse(text).amount < 1:
            raise ValidationError("rate")
    except ValueError as error:
        raise ValidationError("rate") from error


def _check_origins(text: str) -> None:
    for one in text.split(","):
        Regexp(re.compile(rf"(?:{_ORIGIN})\Z"))(one.strip())


def _check_authorities(text: str) -> None:
    try:
        ssl.create_default_context(cafile=text)
    except OSError as error:
        raise ValidationError("file") from error
