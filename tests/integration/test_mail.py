"""E-mail on a real mail server with TLS, and its refusals."""

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from chassis.data.database import now
from chassis.testing.folders import kept_ports
from notify.channels.email import Email
from notify.channels.interface import Letter, SendingError
from notify.settings import SmtpSettings

PASSWORD = "a password of nobody"


@dataclass
class Postman:
    """A mail server's rules and its post. `answer` refuses a mail with a reply of its own, `of_mailbox` a recipient."""

    answer: str = "250 OK"
    of_mailbox: str = "250 OK"
    arrived: list[tuple[str, EmailMessage]] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.of_mailbox.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.of_mailbox

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content or b"", policy=default)  # type: ignore[arg-type]
            self.arrived.append((envelope.rcpt_tos[0], mail))  # type: ignore[arg-type]
        return self.answer


@dataclass
class MailServer:
    postman: Postman
    settings: SmtpSettings

    def send(self, letter: Letter, **changes: Any) -> None:
        Email(replace(self.settings, **changes), seconds=5).send(letter)

    def refusal(self, letter: Letter, **changes: Any) -> tuple[str, str]:
        with pytest.raises(SendingError) as error:
            self.send(letter, **changes)
        assert letter.to not in repr(error.value)
        return error.value.outcome, error.value.reason


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("mail")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    words = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *words], check=True, capture_output=True)
    return key, cert


@pytest.fixture(scope="module", params=["starttls", "tls"])
def server(
    request: pytest.FixtureRequest, certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MailServer]:
    key, cert = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    [port] = kept_ports(tmp_path_factory.mktemp("mail") / "port", 1)
    postman = Postman()
    tls = {"ssl_context": context} if request.param == "tls" else {"tls_context": context, "require_starttls": True}

    def check(_: Any, __: Any, ___: Any, ____: str, given: LoginPassword) -> AuthResult:
        return AuthResult(success=given.password == PASSWORD.encode(), handled=False)

    options: dict[str, Any] = {"authenticator": check, "auth_required": True, "auth_require_tls": request.param == "starttls"}
    controller = Controller(postman, hostname="127.0.0.1", port=port, **tls, **options)
    controller.start()
    settings = SmtpSettings(
        host="localhost",
        port=port,
        security=request.param,
        username="duijie",
        password=PASSWORD,
        sender="duijie@example.org",
        sender_name="对接平台",
        ca_file=str(cert),
        public_url="https://duijie.example.org",
    )
    yield MailServer(postman, settings)
    controller.stop()


@pytest.fixture
def mail_server(server: MailServer) -> MailServer:
    server.postman.answer = server.postman.of_mailbox = "250 OK"
    server.postman.arrived.clear()
    return server


def letter(**changes: Any) -> Letter:
    words = {"title": "有人答应帮助了", "body": "好消息：有人已答应提供 2 床棉被。"}
    return Letter(
        **({"reference": uuid4(), "to": "mei@example.net", "language": "zh-CN", "text": "news", "parameters": {}} | words | changes)
    )


def test_mail_arrives_as_text_and_as_page(mail_server: MailServer) -> None:
    sent = letter()
    mail_server.send(sent)
    [(to, mail)] = mail_server.postman.arrived
    assert (to, str(mail["To"]), str(mail["Subject"])) == ("mei@example.net", "mei@example.net", "有人答应帮助了")
    assert str(mail["From"]) == "对接平台 <duijie@example.org>"
    assert mail["Message-ID"] == f"<{sent.reference}@example.org>"
    assert (mail["Auto-Submitted"], mail["List-Unsubscribe"]) == ("auto-generated", None), "nobody unsubscribes from codes"
    plain, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain
    assert page
    assert "好消息：有人已答应提供 2 床棉被。" in plain.get_content()
    assert "https://duijie.example.org" in plain.get_content()
    assert "<p>好消息：有人已答应提供 2 床棉被。</p>" in page.get_content()


def test_words_of_a_mail_are_no_markup_and_no_header(mail_server: MailServer) -> None:
    mail_server.send(letter(title="甲\r\nBcc: x@example.org", body="<a href='https://evil.example'>棉被</a>"))
    [(_, mail)] = mail_server.postman.arrived
    page = mail.get_body(("html",))
    assert page
    assert "<a href='https://evil" not in page.get_content()
    assert mail["Bcc"] is None


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [("421 come back", "temporary-failure"), ("451 later", "temporary-failure"), ("554 spam", "technical-failure")],
)
def test_refused_mail_is_told_apart(mail_server: MailServer, reply: str, outcome: str) -> None:
    mail_server.postman.answer = reply
    assert mail_server.refusal(letter()) == (outcome, f"smtp.{reply[:3]}")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [("450 busy", "temporary-failure"), ("550 no such user", "permanent-failure"), ("554 policy", "technical-failure")],
)
def test_refused_mailbox_is_told_apart(mail_server: MailServer, reply: str, outcome: str) -> None:
    mail_server.postman.of_mailbox = reply
    assert mail_server.refusal(letter()) == (outcome, f"smtp.{reply[:3]}")


def test_wrong_password_and_certificate_last_until_mended(mail_server: MailServer) -> None:
    assert mail_server.refusal(letter(), password="wrong") == ("technical-failure", "smtp.535")
    assert mail_server.refusal(letter(), ca_file="") == ("technical-failure", "smtp.SSLCertVerificationError")


def test_mail_server_that_is_away_fails_for_now(mail_server: MailServer) -> None:
    assert mail_server.refusal(letter(), port=1) == ("temporary-failure", "smtp.ConnectionRefusedError")
    assert mail_server.refusal(letter(to="nobody")) == ("permanent-failure", "smtp.wrong_address")


def test_nobody_can_ask_a_mail_server(mail_server: MailServer) -> None:
    assert Email(mail_server.settings).find(letter(), now()) == "unknown"
