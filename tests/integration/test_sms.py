"""Codes by SMS on the real thing: users, relay, RabbitMQ, notify's worker and sender, and the sandbox's telephone network."""

import json
import logging
import os
import re
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import amqp
import httpx
import psycopg
import pytest
from tencentcloud.common.abstract_client import LOGGER_NAME
from tencentcloud.sms.v20210111 import errorcodes
from werkzeug.serving import make_server

from chassis.data.database import Database
from chassis.messaging.broker import connected
from chassis.testing import forkserver
from chassis.testing.folders import kept_ports
from chassis.testing.quiet import Quiet
from chassis.testing.rabbitmq import RabbitMQ
from chassis.testing.twins import altered, unguarded
from contracts.event import exchange_of
from deploy.local import telephones
from deploy.local.collector import Collector, collector
from deploy.local.environment import signing_key_of
from deploy.local.telephones import Sms, Telephones
from notify.channels import tencent
from notify.channels.interface import Letter, Receipt, SendingError
from notify.channels.tencent import TencentSms, outcome_of
from notify.channels.texts import CODE, texts
from notify.settings import TencentSettings
from users.codes.actions import Asker, request_code

ROOT = Path(__file__).resolve().parents[2]
QUEUE, SPY = "notify.users.code_requested.v1", "spy"
ACCOUNT = TencentSettings(
    secret_id="AKIDofnobodyatall000",
    secret_key="keyofnobodyatall0000",
    app_id="1400000000",
    template_id="1000000",
    sign_name="对接沙盒",
    region="ap-guangzhou",
    endpoint="http://127.0.0.1:1",
)
OF_ENVIRONMENT = {
    "TENCENT_SECRET_ID": ACCOUNT.secret_id,
    "TENCENT_SECRET_KEY": ACCOUNT.secret_key,
    "TENCENT_SMS_APP_ID": ACCOUNT.app_id,
    "TENCENT_SMS_TEMPLATE_ID": ACCOUNT.template_id,
    "TENCENT_SMS_SIGN_NAME": ACCOUNT.sign_name,
}


class Network(Telephones):
    """The sandbox's telephones with faults: `before` runs before a message is taken, and may refuse it; `after` runs when it is."""

    def __init__(self, account: TencentSettings, port: int) -> None:
        self.before: dict[str, Callable[[], str | None]] = {}
        self.after: dict[str, Callable[[], object]] = {}
        super().__init__(account, lambda phone: self.before.get(phone.removeprefix("+86"), lambda: None)())
        self.account = replace(account, endpoint=f"http://127.0.0.1:{port}")
        self._port = port

    def _deliver(self, phone: str, *letter: Any) -> dict[str, Any]:
        answer = super()._deliver(phone, *letter)
        self.after.get(phone.removeprefix("+86"), lambda: None)()
        return answer

    def open(self) -> None:
        self._server = make_server("127.0.0.1", self._port, telephones.create(self), threaded=True, request_handler=Quiet)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    [port] = kept_ports(tmp_path_factory.mktemp("network") / "port", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        found = Network(ACCOUNT, port)
        found.open()
        yield found
        found.close()


def send(channel: TencentSms, phone: str, code: str, reference: UUID | None = None) -> Receipt:
    return channel.send(Letter(reference or uuid4(), f"+86{phone}", "zh-CN", CODE, {"code": code, "minutes": "5"}, "", ""))


def refusal_of(settings: TencentSettings, phone: str = "13800000000", code: str = "012345", seconds: float = 5) -> tuple[str, str]:
    with pytest.raises(SendingError) as error:
        send(TencentSms(settings, seconds), phone, code)
    assert phone not in repr(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__
    return error.value.outcome, error.value.reason


def test_code_arrives_at_the_telephone_it_is_for(network: Network) -> None:
    reference = uuid4()
    receipt = send(TencentSms(network.account), "13800000001", "012345", reference)
    assert receipt.outcome == "taken"
    assert receipt.number
    [arrived] = network.messages("13800000001")
    assert (arrived.code, arrived.about) == ("012345", str(reference))
    assert arrived.text.startswith("【对接沙盒】012345为您的对接平台验证码，5分钟内有效。")


def test_text_of_the_template_is_the_one_to_file() -> None:
    page = (ROOT / "docs/operating/sms.md").read_text("utf-8")
    for text in texts().values():
        filed = text.render({name: f"{{{number}}}" for number, name in enumerate(text.parameters, 1)})
        assert filed in page


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"secret_key": "anotherkeyofnobody00"}, "AuthFailure.SignatureFailure"),
        ({"secret_id": "AKIDofsomebodyelse00"}, "AuthFailure.SecretIdNotFound"),
        ({"app_id": "1"}, "InvalidParameterValue.SdkAppIdNotExist"),
        ({"template_id": "1"}, "FailedOperation.TemplateUnapprovedOrNotExist"),
        ({"sign_name": "别的签名"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
    ],
)
def test_account_that_the_provider_refuses_is_told_apart(network: Network, change: dict[str, str], reason: str) -> None:
    assert refusal_of(replace(network.account, **change)) == ("technical-failure", reason)


def test_number_that_the_provider_refuses_is_told_apart(network: Network) -> None:
    assert refusal_of(network.account, "12345") == ("permanent-failure", "InvalidParameterValue.IncorrectPhoneNumber")
    network.before["13800000002"] = lambda: "FailedOperation.PhoneNumberInBlacklist"
    assert refusal_of(network.account, "13800000002") == ("permanent-failure", "FailedOperation.PhoneNumberInBlacklist")


def test_provider_that_is_away_or_slow_fails_in_time(network: Network) -> None:
    network.before["13800000003"] = lambda: time.sleep(1)
    began = time.monotonic()
    assert refusal_of(network.account, "13800000003", seconds=0.2) == ("temporary-failure", "ClientNetworkError")
    assert refusal_of(replace(network.account, endpoint="http://127.0.0.1:1")) == ("temporary-failure", "ClientNetworkError")
    assert time.monotonic() - began < 1


def test_body_changed_on_its_way_is_refused(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = TencentSms(network.account)
    forward = channel._client.request.conn.request
    monkeypatch.setattr(
        channel._client.request.conn,
        "request",
        lambda method, url, body, headers: forward(method, url, body.replace("012345", "999999"), headers),
    )
    with pytest.raises(SendingError, match=r"AuthFailure\.SignatureFailure"):
        send(channel, "13800000004", "012345")
    assert network.messages("13800000004") == []


def test_every_code_of_the_provider_has_a_class() -> None:
    codes = {value for name, value in vars(errorcodes).items() if name.isupper()}
    classes: dict[str, set[str]] = {}
    for code in codes:
        classes.setdefault(outcome_of(code), set()).add(code)
    assert len(codes) > 80
    known = tencent.OF_THE_NUMBER | tencent.PASSING | tencent.LASTING
    assert known <= codes
    assert classes["temporary-failure"] == tencent.PASSING | {code for code in codes if code.startswith("InternalError.")} - tencent.LASTING
    assert {"FailedOperation.InsufficientBalanceInSmsPackage", "LimitExceeded.AppDailyLimit"} < classes["technical-failure"]
    assert outcome_of("AuthFailure.SecretIdNotFound") == "technical-failure"
    assert (outcome_of("RequestLimitExceeded"), outcome_of("NoStatus"), outcome_of("SomethingNew")) == ("temporary-failure",) * 3


@pytest.mark.parametrize("change", [None, unguarded("logging.WARNING", "without it, the SDK logs phone and code at DEBUG")])
def test_sdk_logs_neither_phone_nor_code(
    network: Network, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, change: str | None
) -> None:
    if change:
        monkeypatch.setattr(TencentSms, "__init__", altered(TencentSms.__init__, change, "logging.DEBUG"))
    logging.getLogger(LOGGER_NAME).setLevel(logging.NOTSET)
    caplog.set_level(logging.DEBUG)
    send(TencentSms(network.account), "13800000005", "654321")
    logging.getLogger(LOGGER_NAME).setLevel(logging.WARNING)
    assert "13800000005" not in caplog.text
    assert "654321" not in caplog.text


def test_images_and_chart_know_no_telephones() -> None:
    copied = (ROOT / "deploy/Dockerfile").read_text()
    context = (ROOT / ".dockerignore").read_text().splitlines()
    assert context[0] == "*"
    assert [line for line in context if line.startswith("!deploy")] == ["!deploy/images/requirements"]
    assert "deploy/local" not in copied
    shipped = [*(ROOT / "deploy/chart").rglob("*"), *(ROOT / "deploy/platform").rglob("*"), ROOT / "deploy/compose.yaml"]
    shipped += [path for folder in ("services", "chassis/chassis", "contracts/contracts") for path in (ROOT / folder).rglob("*.py")]
    ours = [path for path in shipped if path.is_file() and not {"tests", "__pycache__"} & set(path.parts)]
    assert len(ours) > 100
    assert [path for path in ours if re.search(r"telephones\.py|deploy\.local|/sandbox/", path.read_text("utf-8"))] == []
    members = tomllib.loads((ROOT / "services/notify/pyproject.toml").read_text())["project"]["dependencies"]
    assert not [one for one in members if one.startswith("duijie") and one.partition("[")[0] not in {"duijie-contracts", "duijie-chassis"}]


@dataclass
class Sending:
    """The processes that a code passes."""

    urls: dict[str, str]
    network: Network
    rabbitmq: RabbitMQ
    vhost: str
    environment: dict[str, str]
    folder: Path
    metrics: int
    traces: list[bytes]
    sender: forkserver.Fork | None = None
    spied: list[amqp.Message] = field(default_factory=list)

    def start(self, *words: str, **more: str) -> forkserver.Fork:
        return forkserver.start(words, self.environment | more, self.folder / f"{words[-1]}-{words[0].rpartition('.')[2]}.log", ROOT)

    def start_sender(self, **more: str) -> None:
        self.sender = self.start("notify.send", "notify", METRICS_PORT=str(self.metrics), LOG_LEVEL="DEBUG", **more)

    def kill_sender(self) -> None:
        assert self.sender
        self.sender.kill()
        self.sender.wait(10)

    def ask(self, phone: str, seconds: float = 300) -> UUID:
        """Ask for a code as a registration does; return the request's id."""
        database = Database(self.environment["USERS_DATABASE_URL"], name="asker")
        with database.begin() as session:
            request = request_code(session, Asker("203.0.113.9", "zh-CN"), "registration", phone)
        database.close()
        return request.id

    def state(self, code_id: UUID) -> tuple[str, int, str | None]:
        """Return state, attempts and reason of a code; nothing yet before notify has heard of it."""
        with psycopg.connect(self.urls["notify"]) as connection:
            found = connection.execute("SELECT state, attempts, reason FROM messages WHERE code_id = %s", [code_id]).fetchone()
        return found or ("", 0, None)

    def hurry(self, code_id: UUID) -> None:
        """Let the time until the next attempt pass at once."""
        with psycopg.connect(self.urls["notify"], autocommit=True) as connection:
            connection.execute("UPDATE messages SET due_at = now() WHERE code_id = %s AND settled_at IS NULL", [code_id])

    def parked(self) -> int:
        with psycopg.connect(self.urls["notify"]) as connection:
            [count] = connection.execute("SELECT count(*) FROM dead_letters").fetchone() or (0,)
        return int(count)

    def reaches(self, code_id: UUID, state: str) -> tuple[str, int, str | None]:
        return soon(lambda: (found := self.state(code_id))[0] == state and found)

    def passed(self) -> list[amqp.Message]:
        """Return all events of users that passed the broker since the start."""
        with connected(self.environment["BROKER_URL"], 60) as connection, connection.channel() as channel:
            while message := channel.basic_get(SPY, no_ack=True):
                self.spied.append(message)
        return self.spied

    def put(self, body: str, headers: dict[str, str]) -> None:
        """Put a message into notify's queue of requests for codes."""
        message = amqp.Message(body, application_headers=headers, content_type="application/json")
        with connected(self.environment["BROKER_URL"], 60) as connection, connection.channel() as channel:
            channel.basic_publish(message, exchange="", routing_key=QUEUE)

    def counted(self) -> dict[str, float]:
        said = httpx.get(f"http://127.0.0.1:{self.metrics}/metrics", trust_env=False).text
        return {
            name: float(value) for name, value in re.findall(r'^duijie_sms_total\{outcome="(\w+)",service="notify"\} (\S+)$', said, re.M)
        }


def soon(look: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def sending(
    database_of: Callable[[str, str], str], rabbitmq: RabbitMQ, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sending]:
    folder = tmp_path_factory.mktemp("sending")
    web, metrics = kept_ports(folder / "ports", 2)
    urls = {name: database_of(name, f"{name}_sending") for name in ("users", "notify")}
    plain = {name: url.replace("+psycopg", "") for name, url in urls.items()}
    traces: list[bytes] = []
    with rabbitmq.vhost() as vhost, collector() as spans:
        keep_bodies(spans, traces)
        environment = (
            {name: value for name, value in os.environ.items() if not name.startswith("TENCENT_")}
            | OF_ENVIRONMENT
            | {f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()}
            | {"BROKER_URL": rabbitmq.url(vhost), "PORT": str(web), "USERS_URL": f"http://127.0.0.1:{web}", "POOL_SIZE": "10"}
            | {"USERS_SIGNING_KEYS": str(signing_key_of(folder)), "TENCENT_SMS_ENDPOINT": network.account.endpoint, "RETRY_PAUSE_MS": "300"}
            | {"OTEL_EXPORTER_OTLP_ENDPOINT": spans.address, "OTEL_BSP_SCHEDULE_DELAY": "200", "PUBLIC_URL": f"http://127.0.0.1:{web}"}
        )
        found = Sending(plain, network, rabbitmq, vhost, environment, folder, metrics, traces)
        topology = [found.start("chassis.topology", name) for name in urls]
        assert [one.wait(60) for one in topology] == [0, 0]
        with connected(rabbitmq.url(vhost), 60) as connection, connection.channel() as channel:
            channel.queue_declare(SPY, durable=True, auto_delete=False)
            channel.queue_bind(SPY, exchange_of("users"), "#")
        running = [found.start("chassis.http", "users"), found.start("chassis.relay", "users"), found.start("chassis.worker", "notify")]
        found.start_sender()
        soon(lambda: answers(f"http://127.0.0.1:{web}/livez"))
        yield found
        for one in (*running, found.sender):
            if one:
                one.kill()
                one.wait(10)


def keep_bodies(spans: Collector, bodies: list[bytes]) -> None:
    receive = spans.receive

    def received(body: bytes) -> None:
        bodies.append(body)
        receive(body)

    spans.receive = received  # type: ignore[method-assign]


def answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_code_that_is_asked_for_is_sent_once(sending: Sending) -> None:
    code_id = sending.ask("13900000001")
    sending.reaches(code_id, "delivered")
    [arrived] = sending.network.messages("13900000001")
    assert (arrived.about, len(arrived.code)) == (str(code_id), 6)
    # It comes again, as after a lost acknowledgement, and under another id, as somebody's program might send it.
    event = next(message for message in sending.passed() if str(code_id) in message.body)
    sending.put(event.body, event.headers)
    sending.put(event.body, event.headers | {"ce-id": str(uuid4())})
    soon(lambda: not sum(sending.rabbitmq.unsettled(sending.vhost).values()))
    time.sleep(0.7)
    assert (len(sending.network.messages("13900000001")), sending.counted()["sent"]) == (1, 1)


def test_provider_that_was_away_gets_the_code_later(sending: Sending) -> None:
    sending.network.close()
    code_id = sending.ask("13900000002")
    soon(lambda: sending.state(code_id)[2] == "ClientNetworkError")
    sending.network.open()
    sending.hurry(code_id)
    state, attempts, _ = sending.reaches(code_id, "delivered")
    assert (state, attempts >= 2, len(sending.network.messages("13900000002"))) == ("delivered", True, 1)


def test_slow_provider_holds_neither_others_nor_the_database(sending: Sending) -> None:
    slow, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        slow.set()
        go_on.wait(4)

    sending.network.before["13900000003"] = wait
    code_id = sending.ask("13900000003")
    assert slow.wait(20)
    other = sending.ask("13900000004")
    sending.reaches(other, "delivered")
    with psycopg.connect(sending.urls["notify"]) as connection:
        held = connection.execute(
            "SELECT state, query FROM pg_stat_activity WHERE application_name LIKE 'notify-send%' AND state <> 'idle'"
        ).fetchall()
    assert (sending.state(code_id)[0], held) == ("sending", [])
    go_on.set()
    assert sending.reaches(code_id, "delivered")[1] == 1


def test_final_refusal_is_not_repeated(sending: Sending) -> None:
    tries: list[int] = []
    sending.network.before["13900000005"] = lambda: tries.append(1) or "FailedOperation.InsufficientBalanceInSmsPackage"
    code_id = sending.ask("13900000005")
    assert sending.reaches(code_id, "technical-failure") == ("technical-failure", 1, "FailedOperation.InsufficientBalanceInSmsPackage")
    sending.hurry(code_id)
    time.sleep(0.3)
    assert (len(tries), sending.counted()["provider_refused"]) == (1, 1)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_code_of_a_killed_sender_is_asked_about(sending: Sending, moment: str) -> None:
    """What the provider has is delivered. Of the other nobody can tell whether it left: it is not sent again by itself."""
    phone = {"before": "13900000006", "after": "13900000007"}[moment]
    reached, killed = threading.Event(), threading.Event()

    def stay() -> str | None:
        if killed.is_set():
            return None
        reached.set()
        killed.wait(20)
        return "InternalError.Timeout"

    getattr(sending.network, moment)[phone] = stay
    code_id = sending.ask(phone)
    assert reached.wait(20)
    sending.kill_sender()
    killed.set()
    assert sending.state(code_id)[0] == "sending"
    sending.start_sender()
    time.sleep(0.5)
    assert sending.state(code_id)[0] == "sending", "the lease of the dead one holds"
    sending.hurry(code_id)
    assert sending.reaches(code_id, {"before": "doubtful", "after": "delivered"}[moment])[1] == 1
    assert len(sending.network.messages(phone)) == {"before": 0, "after": 1}[moment]


def test_stopping_sender_finishes_what_it_began(sending: Sending) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def stay() -> None:
        reached.set()
        go_on.wait(4)

    sending.network.before["13900000013"] = stay
    code_id = sending.ask("13900000013")
    assert reached.wait(20)
    assert sending.sender
    sending.sender.terminate()
    time.sleep(0.2)
    go_on.set()
    assert sending.sender.wait(20) == 0
    assert sending.state(code_id) == ("delivered", 1, None)
    sending.start_sender()


def test_code_that_expired_meanwhile_is_not_sent(sending: Sending) -> None:
    sending.network.before["13900000008"] = lambda: "InternalError.Timeout"
    code_id = sending.ask("13900000008")
    soon(lambda: sending.state(code_id)[2] == "InternalError.Timeout")
    del sending.network.before["13900000008"]
    with psycopg.connect(sending.urls["notify"], autocommit=True) as connection:
        connection.execute("UPDATE messages SET expires_at = now() WHERE code_id = %s", [code_id])
    sending.hurry(code_id)
    assert sending.reaches(code_id, "withdrawn")[2] == "expired"
    assert sending.network.messages("13900000008") == []


def test_code_that_was_used_meanwhile_is_not_sent(sending: Sending) -> None:
    sending.network.before["13900000009"] = lambda: "InternalError.Timeout"
    code_id = sending.ask("13900000009")
    soon(lambda: sending.state(code_id)[2] == "InternalError.Timeout")
    del sending.network.before["13900000009"]
    with psycopg.connect(sending.urls["users"], autocommit=True) as connection:
        connection.execute("UPDATE code_requests SET used_at = now() WHERE id = %s", [code_id])
    sending.hurry(code_id)
    assert sending.reaches(code_id, "withdrawn")[2] == "gone"
    assert sending.network.messages("13900000009") == []


def test_wrong_key_at_the_door_is_a_failure_that_says_so(sending: Sending) -> None:
    sending.kill_sender()
    sending.start_sender(DOOR_KEYS="another key that users do not know at all")
    code_id = sending.ask("13900000010")
    soon(lambda: sending.state(code_id)[2] == "door.401")
    sending.kill_sender()
    sending.start_sender()
    sending.hurry(code_id)
    sending.reaches(code_id, "delivered")


def test_sender_without_a_provider_says_so_once_and_counts(sending: Sending) -> None:
    sending.kill_sender()
    sending.start_sender(**dict.fromkeys(OF_ENVIRONMENT, ""))
    first, second = sending.ask("13900000011"), sending.ask("13900000012")
    for code_id in (first, second):
        assert sending.reaches(code_id, "technical-failure")[2] == "unconfigured"
    assert sending.counted()["unconfigured"] == 2
    assert (sending.folder / "notify-send.log").read_text().count("no provider is set") == 1
    sending.kill_sender()
    sending.start_sender()


def test_phone_and_code_are_found_nowhere_but_at_the_telephone(sending: Sending) -> None:
    """Every sink after all that happened above: logs at DEBUG, both databases whole, queues, metrics, traces."""
    phone = "13912345678"
    sending.network.before[phone] = lambda: None if sending.network.after.get(phone) else "InternalError.Timeout"
    code_id = sending.ask(phone)
    soon(lambda: sending.state(code_id)[2] == "InternalError.Timeout")
    sending.network.after[phone] = lambda: None
    sending.hurry(code_id)
    sending.reaches(code_id, "delivered")
    [message] = sending.network.messages(phone)
    event = next(message for message in sending.passed() if str(code_id) in message.body)
    sending.put(event.body.replace("registration", "something else"), event.headers | {"ce-id": str(uuid4())})
    soon(sending.parked)
    soon(lambda: any(b"users-web" in body for body in sending.traces))
    found = sinks(sending)
    assert str(code_id).encode() in found["notify.dead_letters"]
    assert {name for name in found if b"13912345678" in found[name] or leaks(found[name], message)} == set()
    for name in found:
        found[name] += json.dumps({"to": phone, "code": message.code}).encode()
    assert {name for name in found if b"13912345678" in found[name] and leaks(found[name], message)} == found.keys()


def leaks(text: bytes, message: Sms) -> bool:
    """Tell whether the code stands somewhere by itself; six digits may also be part of a longer number, or of an id."""
    return re.search(rb"(?<![0-9A-Fa-f.:_-])%b(?![0-9A-Fa-f.:_-])" % message.code.encode(), text) is not None


def sinks(sending: Sending) -> dict[str, bytes]:
    found = {f"log {path.name}": path.read_bytes() for path in sending.folder.glob("*.log")}
    for name, url in sending.urls.items():
        with psycopg.connect(url) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
                values = (value for row in rows for value in row)
                found[f"{name}.{table}"] = b"\n".join(one if isinstance(one, bytes) else str(one).encode() for one in values)
    found["metrics"] = httpx.get(f"http://127.0.0.1:{sending.metrics}/metrics", trust_env=False).content
    found["traces"] = b"".join(sending.traces)
    found["queues"] = b"\n".join(f"{message.body} {message.headers}".encode() for message in sending.passed())
    assert {"notify.messages", "notify.attempts", "users.code_requests", "users.outbox", "notify.dead_letters"} <= found.keys()
    return found
