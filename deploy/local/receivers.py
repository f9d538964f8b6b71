"""Receivers of the sandbox on one loopback port with TLS: webhooks, bots of groups, and the push service of one browser.

They keep each letter in memory and pass none on. `certify` makes the certificate that the house trusts them by.
"""

import json
import ssl
import threading
from base64 import urlsafe_b64decode
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import http_ece
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask, Response, jsonify, request
from py_vapid import Vapid02
from werkzeug.serving import make_server

from chassis.testing.quiet import Quiet

KEPT = 1000
YEARS = 10
PATHS = {"webhook": "/hooks/", "wecom": "/cgi-bin/webhook/send", "dingtalk": "/robot/send", "feishu": "/open-apis/bot/v2/hook/"}


@dataclass(frozen=True)
class Arrived:
    """A letter that arrived over any channel but SMS and mail. `to` names the receiver, `headers` are those of a webhook."""

    channel: str
    to: str
    title: str
    text: str
    about: str
    headers: dict[str, str] = field(default_factory=dict)
    at: str = field(default_factory=lambda: datetime.now(ZoneInfo("Asia/Shanghai")).isoformat(timespec="seconds"))


class Arrivals:
    """The letters that arrived, the newest first. Threads may share it."""

    def __init__(self) -> None:
        self._kept: deque[Arrived] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, arrived: Arrived) -> None:
        with self._lock:
            self._kept.appendleft(arrived)

    def list(self) -> list[Arrived]:
        with self._lock:
            return [*self._kept]


@dataclass(frozen=True, repr=False)
class Browser:
    """The keys of the sandbox's browser, in URL-safe base64: it decrypts pushes as the Push API does."""

    private_key: str
    auth: str

    def read(self, body: bytes) -> dict[str, str]:
        """Decrypt a push. Raises `http_ece.ECEException` or `ValueError` for one that is not to this browser."""
        scalar = int.from_bytes(_decode(self.private_key), "big")
        key = ec.derive_private_key(scalar, ec.SECP256R1())
        found: dict[str, str] = json.loads(http_ece.decrypt(body, private_key=key, auth_secret=_decode(self.auth), version="aes128gcm"))
        return found


class Receivers:
    """The server. It refuses what a push service refuses, and takes whatever a webhook or a bot is sent."""

    def __init__(self, arrivals: Arrivals, browser: Browser, port: int, certificate: Path) -> None:
        self._arrivals, self._browser, self._port, self._certificate = arrivals, browser, port, certificate

    def open(self) -> None:
        """Listen on the port of this machine. Raises `SystemExit` when it is taken."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate)
        app = Flask(__name__)
        app.add_url_rule(f"{PATHS['webhook']}<path:name>", "webhook", self._take_webhook, methods=["POST"])
        for channel, path in PATHS.items():
            if channel != "webhook":
                app.add_url_rule(
                    f"{path}<key>" if path.endswith("/") else path, channel, partial(self._take_words, channel), methods=["POST"]
                )
        app.add_url_rule("/push/<name>", "push", self._take_push, methods=["POST"])
        try:
            self._server = make_server("127.0.0.1", self._port, app, threaded=True, request_handler=Quiet, ssl_context=context)
        except (OSError, SystemExit):
            raise SystemExit(f"port {self._port}, which the sandbox's receivers listen on, is taken") from None
        threading.Thread(target=self._server.serve_forever, name="receivers", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take_webhook(self, name: str) -> Response:
        body = request.get_data(as_text=True)
        signed = {key.lower(): value for key, value in request.headers.items() if key.lower().startswith("webhook-")}
        try:
            said = json.loads(body)
            title = str(said["data"]["title"])
        except (ValueError, KeyError, TypeError):
            return Response(status=400)
        self._arrivals.add(Arrived("webhook", name, title, body, signed.get("webhook-id", ""), signed))
        return Response(status=204)

    def _take_words(self, channel: str, key: str = "") -> Response:
        """Take what a bot is told. The services answer 200 to everything, with a code."""
        is_feishu = channel == "feishu"
        said: Any = request.get_json(silent=True)
        for name in ("content", "text") if is_feishu else ("text", "content"):
            said = said.get(name) if isinstance(said, dict) else None
        code = "code" if is_feishu else "errcode"
        if not isinstance(said, str):
            return jsonify({code: 40058})
        title, _, text = said.partition("\n")
        self._arrivals.add(Arrived(channel, key or next(iter(request.args.values()), ""), title, text, ""))
        return jsonify({code: 0})

    def _take_push(self, name: str) -> Response:
        try:
            if not Vapid02.verify(request.headers.get("Authorization", "")):
                return Response(status=403)
            read = self._browser.read(request.get_data())
        except Exception:  # the libraries raise whatever they meet in bytes of somebody else
            return Response(status=400)
        self._arrivals.add(Arrived("push", name, read["title"], read["body"], read["about"]))
        return Response(status=201)


def certify(folder: Path) -> tuple[Path, Path]:
    """Return two files of a folder, made at the first call: the certificate of this machine with its key, and all authorities to trust."""
    own, trusted = folder / "receivers.pem", folder / "authorities.pem"
    if not (own.exists() and trusted.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        at = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - timedelta(days=1))
            .not_valid_after(at + timedelta(days=365 * YEARS))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, SHA256())
            .public_bytes(Encoding.PEM)
        )
        system = ssl.get_default_verify_paths().cafile
        folder.mkdir(parents=True, exist_ok=True)
        own.touch(0o600)
        own.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made)
        trusted.write_bytes((Path(system).read_bytes() + b"\n" if system else b"") + made)
    return own, trusted


def _decode(written: str) -> bytes:
    return urlsafe_b64decode(written + "=" * (-len(written) % 4))
