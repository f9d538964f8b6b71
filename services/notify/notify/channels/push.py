"""Web push (RFC 8030, 8291, 8292): a message is encrypted for each browser of a person, and posted to the browser's push service."""

import hashlib
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec
from py_vapid import Vapid02
from pywebpush import WebPusher

from chassis.data.database import now
from notify.channels.interface import Failure, Found, Letter, Receipt, SendingError
from notify.settings import VapidSettings

TAKEN, GONE = {200, 201, 202, 204}, {404, 410}
PASSING = {408, 425, 429}
SIGNED_FOR_SECONDS = 12 * 3600
"""Push services take signatures for a day at most."""
LONGEST_TOPIC = 32
SECONDS = 4.0
"""For each browser. An account has five at most, and the lease of an attempt is longer."""


class Browser(msgspec.Struct, frozen=True):
    """A browser that a message is pushed to, as its address in a letter."""

    id: UUID
    endpoint: str
    p256dh: str
    auth: str


class PushServices:
    """A client of push services: HTTPS to the hosts that the settings name, and nowhere else. It follows nothing, and asks no proxy."""

    def __init__(self, hosts: Collection[str], tls: ssl.SSLContext | None = None, seconds: float = SECONDS) -> None:
        self._hosts = hosts
        self._client = httpx.Client(verify=tls or ssl.create_default_context(), timeout=seconds, trust_env=False, follow_redirects=False)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a message and return the answer's status. Raises `SendingError`."""
        if find_host(url, self._hosts) is None:
            raise SendingError("permanent-failure", "push.host")
        try:
            # The answer says nothing that is needed, and its sender could make it long.
            with self._client.stream("POST", url, content=body, headers=dict(headers)) as answer:
                return answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The exception quotes the address, which is a secret of the browser: it is not chained.
            raise SendingError("temporary-failure", f"push.{type(error).__name__}") from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def find_host(endpoint: str, hosts: Collection[str]) -> str | None:
    """Return the host of an address at one of the push services; None for any other address.

    `hosts` names each host, or, with `*.` before it, all below it.
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme != "https" or parts.username is not None or parts.password is not None or not parts.hostname:
        return None
    host = parts.hostname if port in {None, 443} else f"{parts.hostname}:{port}"
    return host if any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in hosts) else None


class WebPush:
    """The house's identity at push services. A letter's `to` holds all browsers of its recipient; one that takes it is enough."""

    def __init__(self, settings: VapidSettings, client: PushServices, forget: Callable[[Collection[UUID]], None]) -> None:
        self._settings, self._client, self._forget = settings, client, forget
        self._key = Vapid02.from_raw(settings.private_key.encode())

    def send(self, letter: Letter) -> Receipt:
        browsers = msgspec.json.decode(letter.to, type=list[Browser])
        refusals: list[SendingError] = []
        gone: list[UUID] = []
        taken = 0
        for browser in browsers:
            try:
                status = self._post(letter, browser)
            except SendingError as error:
                refusals.append(error)
                continue
            if status in TAKEN:
                taken += 1
            elif status in GONE:
                gone.append(browser.id)
            else:
                refusals.append(SendingError(outcome_of(status), f"push.{status}"))
        if gone:
            self._forget(gone)
        if taken:
            return Receipt("delivered")
        # What may pass is tried again: a browser that took the message already shows it once, by its tag.
        raise min(refusals, key=lambda error: error.outcome != "temporary-failure", default=SendingError("permanent-failure", "push.gone"))

    def find(self, letter: Letter, since: datetime) -> Found:
        """Nobody can ask a push service. A repeated message replaces the one before by its topic, in the browser by its tag."""
        return "unknown"

    def close(self) -> None:
        self._client.close()

    def _post(self, letter: Letter, browser: Browser) -> int:
        address = urlsplit(browser.endpoint)
        keys = {"p256dh": browser.p256dh, "auth": browser.auth}
        try:
            body = WebPusher({"endpoint": browser.endpoint, "keys": keys}).encode(write_payload(letter))["body"]
        except ValueError:
            raise SendingError("permanent-failure", "push.wrong_key") from None
        claims = {
            "aud": f"{address.scheme}://{address.netloc}",
            "sub": self._settings.subject,
            "exp": int(now().timestamp()) + SIGNED_FOR_SECONDS,
        }
        headers = {
            **self._key.sign(claims),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": letter.parameters["ttl"],
            "Urgency": letter.parameters["urgency"],
            "Topic": topic_of(letter.reference),
        }
        return self._client.post(browser.endpoint, body, headers)


def write_payload(letter: Letter) -> bytes:
    """Write what the browser shows: the kind of the notice in words, and where to read it. It says nothing about people or goods."""
    shown = {"title": letter.title, "body": letter.body, "tag": topic_of(letter.reference), "lang": letter.language}
    return msgspec.json.encode(shown | {name: letter.parameters[name] for name in ("notice_id", "kind", "about")})


def topic_of(reference: UUID) -> str:
    """Return the topic of a message, the same in every attempt; it tells nothing about the notice."""
    return urlsafe_b64encode(hashlib.sha256(reference.bytes).digest()).decode().rstrip("=")[:LONGEST_TOPIC]


def outcome_of(status: int) -> Failure:
    """Class an answer of a push service. A refused signature or key holds for this browser: it may have subscribed with another key."""
    return "temporary-failure" if status >= 500 or status in PASSING else "permanent-failure"
