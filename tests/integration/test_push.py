"""Web push on a real HTTPS server that plays a push service: a browser decrypts what arrives, and checks who signed it."""

import os
import ssl
import subprocess
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import http_ece
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, Response, request
from msgspec.structs import replace as change
from py_vapid import Vapid02
from sqlalchemy import select
from werkzeug.serving import make_server

from chassis.data.database import Database, new_id, now
from chassis.data.encryption import fingerprint
from chassis.testing import forkserver
from chassis.testing.quiet import Quiet
from contracts.generate import example_of
from contracts.matching import MatchProposed
from deploy.local.environment import p256_keys
from notify import actions as notices
from notify.channels.interface import Letter, SendingError
from notify.channels.push import PushServices, WebPush, topic_of
from notify.messages.model import Message
from notify.settings import VapidSettings
from notify.subscriptions.model import PushSubscription

ROOT = Path(__file__).resolve().parents[2]
VAPID = p256_keys("VAPID")


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class Browser:
    """A browser with its keys, which decrypts pushes as the Push API does."""

    endpoint: str
    id: UUID = field(default_factory=uuid4)
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def p256dh(self) -> str:
        return encode(self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def address(self) -> dict[str, Any]:
        return {"id": self.id, "endpoint": self.endpoint, "p256dh": self.p256dh, "auth": encode(self.auth)}

    def read(self, body: bytes) -> dict[str, str]:
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        found: dict[str, str] = msgspec.json.decode(plain)
        return found


@dataclass
class PushService:
    """A push service: what arrived for each browser. `answer` refuses a push with a status, `before` runs first."""

    port: int = 0
    arrived: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None

    def open(self, certificate: tuple[Path, Path]) -> None:
        app = Flask(__name__)
        app.add_url_rule("/send/<name>", view_func=self._take, methods=["POST"])
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet, ssl_context=context)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def browser(self, name: str) -> Browser:
        return Browser(f"https://localhost:{self.port}/send/{name}")

    def _take(self, name: str) -> Response:
        self.before()
        if (answer := self.answers.get(name)) is not None:
            return answer if isinstance(answer, Response) else Response(status=answer)
        self.arrived.append((name, dict(request.headers), request.get_data()))
        return Response(status=201, headers={"Location": "/message/1"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("push")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    words = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *words], check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def playing(certificate: tuple[Path, Path]) -> Iterator[PushService]:
    found = PushService()
    found.open(certificate)
    yield found
    found.close()


@pytest.fixture
def service(playing: PushService) -> PushService:
    playing.arrived.clear()
    playing.answers.clear()
    playing.before = lambda: None
    return playing


def channel_to(service: PushService, certificate: tuple[Path, Path], gone: list[UUID], seconds: float = 4, **changes: Any) -> WebPush:
    settings = VapidSettings(
        private_key=VAPID["VAPID_PRIVATE_KEY"], subject="mailto:duijie@example.org", hosts=(f"localhost:{service.port}",)
    )
    tls = ssl.create_default_context(cafile=str(certificate[0]))
    settings = replace(settings, **changes)
    return WebPush(settings, PushServices(settings.hosts, tls, seconds), gone.extend)


def letter(*browsers: Browser, **changes: Any) -> Letter:
    parameters = {"notice_id": str(uuid4()), "kind": "match_proposed", "about": str(uuid4()), "urgency": "high", "ttl": "86400"}
    to = msgspec.json.encode([one.address() for one in browsers]).decode()
    return Letter(**({"reference": uuid4(), "to": to, "language": "zh-CN", "text": "news", "parameters": parameters} | WORDS | changes))


WORDS = {"title": "建议对接", "body": "请打开对接平台查看。"}


def refusal(channel: WebPush, sent: Letter) -> tuple[str, str]:
    with pytest.raises(SendingError) as error:
        channel.send(sent)
    assert "localhost" not in repr(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__
    return error.value.outcome, error.value.reason


def test_browser_decrypts_a_push_signed_by_the_house(service: PushService, certificate: tuple[Path, Path]) -> None:
    browser, gone = service.browser("one"), []  # type: ignore[var-annotated]
    sent = letter(browser)
    assert channel_to(service, certificate, gone).send(sent).outcome == "delivered"
    [(_, headers, body)] = service.arrived
    read = browser.read(body)
    assert read == {
        "title": "建议对接",
        "body": "请打开对接平台查看。",
        "tag": topic_of(sent.reference),
        "lang": "zh-CN",
        "notice_id": sent.parameters["notice_id"],
        "kind": "match_proposed",
        "about": sent.parameters["about"],
    }
    assert "建议对接".encode() not in body
    assert (headers["Ttl"], headers["Urgency"], headers["Content-Encoding"]) == ("86400", "high", "aes128gcm")
    assert (headers["Topic"], len(headers["Topic"]) <= 32) == (topic_of(sent.reference), True)
    token, key = (part.partition("=")[2] for part in headers["Authorization"].removeprefix("vapid ").split(","))
    assert key == VAPID["VAPID_PUBLIC_KEY"]
    assert Vapid02.verify(headers["Authorization"])
    claims = msgspec.json.decode(urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["aud"] == f"https://localhost:{service.port}"
    assert claims["sub"] == "mailto:duijie@example.org"
    assert 0 < claims["exp"] - time.time() <= 86400
    assert gone == []


def test_another_browser_cannot_read_a_push(service: PushService, certificate: tuple[Path, Path]) -> None:
    channel_to(service, certificate, []).send(letter(service.browser("one")))
    with pytest.raises(http_ece.ECEException):
        service.browser("two").read(service.arrived[0][2])


def test_browser_that_is_gone_is_forgotten(service: PushService, certificate: tuple[Path, Path]) -> None:
    gone: list[UUID] = []
    channel, here, left, ended = channel_to(service, certificate, gone), *map(service.browser, ("here", "left", "ended"))
    service.answers |= {"left": 410, "ended": 404}
    assert channel.send(letter(left, here, ended)).outcome == "delivered"
    assert gone == [left.id, ended.id]
    assert refusal(channel, letter(left)) == ("permanent-failure", "push.gone")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(429, "temporary-failure"), (500, "temporary-failure"), (503, "temporary-failure"), (400, "permanent-failure"),
     (401, "permanent-failure"), (403, "permanent-failure"), (413, "permanent-failure"), (302, "permanent-failure")],
)  # fmt: skip
def test_refusals_of_a_push_service_are_told_apart(service: PushService, certificate: tuple[Path, Path], status: int, outcome: str) -> None:
    elsewhere = f"https://localhost:{service.port}/send/elsewhere"
    service.answers["one"] = Response("<html>", status, headers={"Location": elsewhere})
    gone: list[UUID] = []
    assert refusal(channel_to(service, certificate, gone), letter(service.browser("one"))) == (outcome, f"push.{status}")
    assert (service.arrived, gone) == ([], []), "nothing is followed, and the browser is kept"


def test_trouble_with_one_browser_is_tried_again_for_all(service: PushService, certificate: tuple[Path, Path]) -> None:
    service.answers |= {"one": 403, "two": 503}
    channel = channel_to(service, certificate, [])
    assert refusal(channel, letter(service.browser("one"), service.browser("two"))) == ("temporary-failure", "push.503")


def test_slow_and_untrusted_push_services_fail_for_now(service: PushService, certificate: tuple[Path, Path]) -> None:
    service.before = lambda: time.sleep(1)
    browser = service.browser("slow")
    assert refusal(channel_to(service, certificate, [], 0.3), letter(browser)) == ("temporary-failure", "push.ReadTimeout")
    channel = channel_to(service, certificate, [])
    untrusting = WebPush(channel._settings, PushServices(channel._settings.hosts, ssl.create_default_context()), [].extend)
    assert refusal(untrusting, letter(browser)) == ("temporary-failure", "push.ConnectError")


def test_host_that_is_no_push_service_is_never_called(service: PushService, certificate: tuple[Path, Path]) -> None:
    channel = channel_to(service, certificate, [], hosts=("fcm.googleapis.com",))
    assert refusal(channel, letter(service.browser("one"))) == ("permanent-failure", "push.host")
    assert service.arrived == []


def test_sending_process_pushes_a_notice_and_forgets_who_is_gone(
    service: PushService, certificate: tuple[Path, Path], database_of: Callable[[str, str], str], tmp_path: Path
) -> None:
    """No door, no provider of SMS: the process needs nothing else for pushes."""
    url = database_of("notify", "notify_push")
    database = Database(url, name="test")
    person, browsers = new_id(), [service.browser("here"), service.browser("left")]
    service.answers["left"] = 410
    with database.begin() as session:
        for one in browsers:
            held = {"fingerprint": fingerprint(one.endpoint), "endpoint": one.endpoint, "public_key": one.p256dh, "auth": encode(one.auth)}
            session.add(PushSubscription(id=one.id, account_id=person, language="en", created_at=now(), **held))
        notices.write_notices(session, [change(example_of(MatchProposed), match_id=new_id(), pledger_id=person)])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENCENT_", "ALIYUN_", "SMTP_"))}
    environment = kept | {
        "NOTIFY_DATABASE_URL": url,
        "VAPID_PRIVATE_KEY": VAPID["VAPID_PRIVATE_KEY"],
        "VAPID_SUBJECT": "mailto:duijie@example.org",
        "PUSH_HOSTS": f"localhost:{service.port}",
        "SSL_CERT_FILE": str(certificate[0]),
    }
    words = ("notify.send", "notify")
    sender = forkserver.start(words, environment, tmp_path / "send.log", ROOT)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with database.begin() as session:
                push = select(Message.state).where(Message.recipient_id == person, Message.channel == "push")
                if session.scalar(push) == "delivered":
                    break
            time.sleep(0.05)
        # A slow push of the test before may arrive late.
        [(headers, body)] = [(headers, body) for name, headers, body in service.arrived if name == "here"]
        read = browsers[0].read(body)
        assert (read["title"], read["body"], headers["Urgency"]) == ("match proposed", "Open Duijie to read it.", "high")
        with database.begin() as session:
            assert session.scalars(select(PushSubscription.id)).all() == [browsers[0].id]
    finally:
        sender.kill()
        sender.wait(10)
        database.close()
    written = (tmp_path / "send.log").read_text()
    assert [secret for secret in ("/send/", encode(browsers[0].auth), VAPID["VAPID_PRIVATE_KEY"]) if secret in written] == []
