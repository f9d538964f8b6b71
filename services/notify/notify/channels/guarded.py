"""An HTTPS client for addresses that others chose. It reaches public machines alone, whatever names resolve to."""

import ipaddress
import logging
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpcore

from chassis.environment import IPNetwork
from notify.channels.interface import SendingError
from notify.settings import EndpointSettings

SECONDS = 8.0
"""The time of a whole call: looking the name up, connecting, TLS, request and answer. The lease of an attempt is longer."""
MOST_ANSWER_BYTES = 16 * 1024
MOST_ADDRESSES = 4
Resolve = Callable[[str, int], Iterable[str]]

_SPECIAL_V4 = [
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    )
]
"""Networks that IANA reserves for special purposes, and the address at which Azure's machines reach their host."""
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")))
"""Parts of the global addresses that lead elsewhere: Teredo, 6to4 and others hold an IPv4 address. IPv4-mapped ones are outside of all."""
_NEVER = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "100.100.100.200/32", "fe80::/10", "fd00:ec2::/32", "::ffff:0:0/96")))
"""Addresses at which clouds give their machines credentials. No setting opens them."""


@dataclass(frozen=True)
class Answer:
    """The answer to a call: status, headers with names in lower case, and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def find_retry_at(self, at: datetime) -> datetime | None:
        """Return when the other side wants to be asked again (`Retry-After`); None when it does not say."""
        said = self.headers.get("retry-after", "").strip()
        try:
            if said.isascii() and said.isdigit():
                return datetime.fromtimestamp(at.timestamp() + min(int(said), 10**6), UTC)
            return parsedate_to_datetime(said).astimezone(UTC) if said else None
        except (ValueError, OverflowError):
            return None


def is_reachable(address: str, allowed: Iterable[IPNetwork] = ()) -> bool:
    """Tell whether an address may be called: a public one, or one of a network that the operator allows."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if any(ip in network for network in _NEVER):
        return False
    if any(ip in network for network in allowed):
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _SPECIAL_V4)
    return ip in _GLOBAL_V6 and not any(ip in network for network in _SPECIAL_V6)


def resolve_name(host: str, port: int) -> Iterable[str]:
    """Look a name up, as the system does. Raises `OSError`."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedClient:
    """A client that posts once and follows nothing. Threads may share it.

    A name is looked up once a call. When one of its addresses may not be called, nothing is. The connection goes to an address that was
    checked, so that a second look-up cannot lead elsewhere; certificate and `Host` are still those of the name. No proxy is asked.
    """

    def __init__(self, settings: EndpointSettings, seconds: float = SECONDS, resolve: Resolve = resolve_name) -> None:
        # At DEBUG the library logs headers of answers.
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._settings, self._seconds, self._resolve = settings, seconds, resolve
        self._tls = ssl.create_default_context()
        if settings.ca_file:
            self._tls.load_verify_locations(settings.ca_file)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], most_bytes: int = MOST_ANSWER_BYTES) -> Answer:
        """Post to an address and return the answer, whatever its status. Raises `SendingError`; each of its reasons may pass."""
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.username is not None or (parts.port or 443) not in self._settings.ports:
            raise SendingError("temporary-failure", "address.refused")
        deadline = _Deadline(self._seconds)
        guard = _Guard(self._settings.networks, self._resolve, deadline)
        try:
            with httpcore.ConnectionPool(ssl_context=self._tls, max_connections=1, network_backend=guard) as pool:
                given = [(name.encode(), value.encode()) for name, value in headers.items()]
                with pool.stream("POST", url, headers=given, content=body) as answer:
                    return Answer(answer.status, _lower(answer.headers), _beginning(answer, most_bytes))
        except (httpcore.TimeoutException, TimeoutError):
            raise SendingError("temporary-failure", "timeout") from None
        except httpcore.ConnectError as error:
            # The cause is told by its class alone: its words may hold the address, which is a secret.
            cause = error.__cause__ or error.__context__
            kind = "tls" if isinstance(cause, ssl.SSLError) else "connection"
            raise SendingError("temporary-failure", f"{kind}.{type(cause or error).__name__}") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, ValueError, OSError) as error:
            raise SendingError("temporary-failure", f"connection.{type(error).__name__}") from None

    def close(self) -> None:
        """Nothing is kept open."""


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises `TimeoutError` when none are."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Guard(httpcore.NetworkBackend):
    """Connections to checked addresses, all ended by one deadline."""

    def __init__(self, allowed: Iterable[IPNetwork], resolve: Resolve, deadline: _Deadline) -> None:
        self._allowed, self._resolve, self._deadline = allowed, resolve, deadline
        self._system = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        addresses = self._look_up(host, port)[:MOST_ADDRESSES]
        for number, address in enumerate(addresses, 1):
            # An address that does not answer leaves time for the next one.
            share = self._deadline.left() / (len(addresses) - number + 1)
            try:
                return _Timed(self._system.connect_tcp(address, port, timeout=share), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise SendingError("temporary-failure", "address.unknown")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self._deadline.left()))

    def _look_up(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name. Raises `SendingError` when there is none, or one of them may not be called."""
        answers: queue.SimpleQueue[Iterable[str] | None] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self._resolve(host, port))
            except (OSError, UnicodeError):
                answers.put(None)

        # The system's look-up has no deadline of its own, and a hostile name server may be slow.
        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        try:
            found = list(dict.fromkeys(answers.get(timeout=self._deadline.left()) or ()))
        except queue.Empty:
            raise SendingError("temporary-failure", "address.slow") from None
        if not found:
            raise SendingError("temporary-failure", "address.unknown")
        if not all(is_reachable(one, self._allowed) for one in found):
            raise SendingError("temporary-failure", "address.private")
        return found


class _Timed(httpcore.NetworkStream):
    """A connection whose every step has the time that is left of the whole call."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> "_Timed":
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _lower(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _beginning(answer: httpcore.Response, most_bytes: int) -> bytes:
    """Read no more of a body than is needed."""
    found = b""
    for part in answer.iter_stream():
        found += part
        if len(found) >= most_bytes:
            break
    return found[:most_bytes]
