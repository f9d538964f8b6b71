"""The sandbox's outbox: SMS and mails of the real channels arrive there, an SMS is answered there, and nothing of it runs elsewhere."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from werkzeug.serving import BaseWSGIServer, make_server

from chassis.testing.folders import kept_ports
from deploy.local import telephones
from deploy.local.client import one_origin
from deploy.local.environment import environment, p256_keys
from deploy.local.mailbox import Mailbox
from deploy.local.mini_program import MiniProgram
from deploy.local.receivers import Arrivals, Browser, Receivers
from deploy.local.telephones import API, PAGE, REPLIES, Telephones
from notify.channels.email import Email
from notify.channels.entries import list_providers
from notify.channels.interface import Letter, SendingError
from notify.channels.tencent import TencentSms
from notify.endpoints.rules import make_secret
from notify.settings import ReportSettings, SendingSettings, SmtpSettings, TencentSettings, WechatSettings

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = TencentSettings(
    secret_id="AKIDofnobodyatall0000",
    secret_key="secretofnobodyatall00",
    app_id="1400000000",
    template_id="1000000",
    sign_name="对接沙盒",
    region="ap-guangzhou",
    endpoint="http://127.0.0.1:1",
    more_templates={"answer_asked": "1000001"},
)
GIVER = "13900000002"


@dataclass
class Outbox:
    """The outbox, the channels that lead into it, and the house that answers are passed on to."""

    page: FlaskClient
    sms: TencentSms
    mail: Email
    passed_on: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    def ask(self) -> str:
        """Send an SMS with a question; return the provider's number of it."""
        words = {"wish": "需要 2 床棉被", "answer_by": "3 月 4 日 12:00"}
        return str(self.sms.send(Letter(uuid4(), f"+86{GIVER}", "zh-CN", "answer_asked", words, "", "")).number)

    def reply(self, number: object, text: object, **options: Any) -> tuple[int, Any]:
        answer = self.page.post(REPLIES, **({"json": {"number": number, "text": text}} | options))
        return answer.status_code, answer.json

    def arrived(self, **asked: str) -> Any:
        return self.page.get(API, query_string=asked).json


@contextmanager
def serving(server: BaseWSGIServer) -> Iterator[None]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    monkeypatch.setenv("NO_PROXY", "*")
    house = Flask("house")
    receiving = make_server("127.0.0.1", 0, house, threaded=True)
    mailbox = Mailbox(kept_ports(tmp_path / "port", 1)[0])
    mailbox.open()
    app = telephones.create(Telephones(ACCOUNT, replies_to=f"http://127.0.0.1:{receiving.server_port}/replies"), mailbox)
    sending = make_server("127.0.0.1", 0, app, threaded=True)
    for server in (receiving, sending):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    account = replace(ACCOUNT, endpoint=f"http://127.0.0.1:{sending.server_port}")
    smtp = SmtpSettings(
        host="127.0.0.1",
        port=mailbox.port,
        security="none",
        username="",
        password="",
        sender="duijie@sandbox.invalid",
        sender_name="对接平台",
        ca_file="",
        public_url="http://127.0.0.1:8000",
    )
    found = Outbox(app.test_client(), TencentSms(account), Email(smtp))

    @house.post("/replies")
    def take() -> tuple[dict[str, int], int]:
        found.passed_on.append(request.get_json())
        return {"result": 0}, found.status

    yield found
    mailbox.close()
    for server in (receiving, sending):
        server.shutdown()
        server.server_close()


def test_sms_and_mails_stand_on_one_page(outbox: Outbox) -> None:
    outbox.ask()
    reference = uuid4()
    outbox.mail.send(Letter(reference, "li.guiying@example.org", "zh-CN", "news", {}, "有人答应帮助了", "有人已答应提供 2 床棉被。"))
    [mail] = outbox.arrived()["mails"]
    assert (mail["to"], mail["subject"], mail["about"]) == ("li.guiying@example.org", "有人答应帮助了", str(reference))
    page = outbox.page.get(PAGE).text
    assert all(
        words in page for words in ("沙盒发件箱", "有一户人家需要 2 床棉被", GIVER, "有人已答应提供 2 床棉被", "li.guiying@example.org")
    )
    only_mail, only_giver = (outbox.page.get(PAGE, query_string=asked).text for asked in ({"channel": "email"}, {"phone": GIVER}))
    assert (GIVER in only_mail, "li.guiying" in only_mail) == (False, True)
    assert (GIVER in only_giver, "li.guiying" in only_giver) == (True, False)


def test_answer_to_an_sms_is_passed_on_as_the_provider_does(outbox: Outbox) -> None:
    number = outbox.ask()
    assert outbox.reply(number, " 1 ") == (201, {"taken": True})
    [passed_on] = outbox.passed_on
    assert {name: passed_on[name] for name in ("nationcode", "mobile", "text", "extend")} == {
        "nationcode": "86",
        "mobile": GIVER,
        "text": "1",
        "extend": "",
    }
    outbox.status = 404
    assert outbox.reply(number, "好的") == (201, {"taken": False})
    assert [(one["text"], one["taken"]) for one in outbox.arrived()["items"][0]["replies"]] == [("1", True), ("好的", False)]
    assert "平台没有收下" in outbox.page.get(PAGE).text


def test_answer_that_is_none_is_refused(outbox: Outbox) -> None:
    number = outbox.ask()
    for text in ("", "  ", "一" * 71, 1, None):
        assert outbox.reply(number, text)[0] == 422
    assert outbox.reply("another", "1")[0] == 404
    assert outbox.page.post(REPLIES, data={"number": number, "text": "1"}).status_code == 422, "as the form of another site would"
    assert outbox.page.post(REPLIES, data=json.dumps({"number": number, "text": "1"}), content_type="text/plain").status_code == 422
    assert outbox.passed_on == []


def test_what_stands_on_the_page_cannot_change_it(outbox: Outbox) -> None:
    outbox.mail.send(Letter(uuid4(), "a@example.org", "zh-CN", "news", {}, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>"))
    outbox.reply(outbox.ask(), "<b>1</b>")
    page = outbox.page.get(PAGE).text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>1" not in page


def test_outbox_plays_no_provider_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="on this machine alone"):
        Telephones(replace(ACCOUNT, endpoint="https://sms.tencentcloudapi.com"))
    for name, value in {"APP_ID": f"wx{0:016x}", "APP_SECRET": "0" * 32, "TEMPLATE_ID": "0" * 20}.items():
        monkeypatch.setenv(f"WECHAT_{name}", value)
    with pytest.raises(ValueError, match="on this machine alone"):
        MiniProgram(WechatSettings.of_environment(), Arrivals())


@pytest.fixture
def everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    """The outbox with all its servers, as the environment of the sandbox names them to this process."""
    [port] = kept_ports(tmp_path / "port", 1)
    here = f"http://127.0.0.1:{port}"
    found = environment(tmp_path, lambda name, role: "", origin=one_origin(here), telephones=here)
    for name, value in (found | {"NO_PROXY": "*"}).items():
        monkeypatch.setenv(name, value)
    arrivals, browser = Arrivals(), Browser(found["SANDBOX_BROWSER_PRIVATE_KEY"], found["SANDBOX_BROWSER_AUTH"])
    receivers = Receivers(arrivals, browser, int(found["SANDBOX_TLS_PORT"]), Path(found["SANDBOX_CERTIFICATE"]))
    receivers.open()
    mini_program = MiniProgram(WechatSettings.of_environment(), arrivals)
    app = telephones.create(Telephones(TencentSettings.of_environment()), None, arrivals, mini_program)
    with serving(make_server("127.0.0.1", port, app, threaded=True)):
        yield app.test_client(), found
    receivers.close()


def test_every_channel_beside_sms_and_mail_arrives(everywhere: tuple[FlaskClient, dict[str, str]]) -> None:
    page, found = everywhere
    linked: dict[UUID, str] = {}
    providers = {one.channel: one.make() for one in list_providers(SendingSettings.of_environment(), list, linked.__setitem__)}
    receivers, secret = f"https://localhost:{found['SANDBOX_TLS_PORT']}", make_secret()
    said = Letter(uuid4(), "", "zh-CN", "news", {}, "有需求待您审核", "一床棉被")
    keys = {"p256dh": found["SANDBOX_BROWSER_PUBLIC_KEY"], "auth": found["SANDBOX_BROWSER_AUTH"]}
    browser = [keys | {"id": str(uuid4()), "endpoint": f"{receivers}/push/mei"}]
    pushed = {"ttl": "60", "urgency": "normal", "notice_id": str(uuid4()), "kind": "need_posted", "about": str(uuid4())}
    link = replace(said, to="code-of-mei", text="wechat_link")
    providers["wechat"].send(link)
    letters = {
        "webhook": replace(said, to=f"{receivers}/hooks/mei", body='{"type":"x","data":{"title":"有需求待您审核"}}', secrets=(secret,)),
        "wecom": replace(said, to=f"{receivers}/cgi-bin/webhook/send?key=of-mei-00"),
        "dingtalk": replace(said, to=f"{receivers}/robot/send?access_token=of-mei-00", secrets=("SEC1",)),
        "feishu": replace(said, to=f"{receivers}/open-apis/bot/v2/hook/of-mei-00", secrets=("SEC1",)),
        "push": replace(said, to=json.dumps(browser), parameters=pushed),
        "wechat": replace(said, to=linked[link.reference], parameters={"title": said.title, "at": "2026年12月01日 09:00"}),
    }
    for channel, letter in letters.items():
        providers[channel].send(letter)
    arrived = {one["channel"]: one for one in page.get(API).json["letters"]}
    assert arrived.keys() == letters.keys() == telephones.CHANNELS.keys() - {"sms", "email"}
    assert {one["title"].removeprefix("【对接平台】") for one in arrived.values()} == {said.title}
    hook = arrived["webhook"]
    assert Webhook(secret).verify(hook["text"], hook["headers"])["type"] == "x"
    assert arrived["push"]["text"] == said.body
    for channel in letters:
        shown = page.get(PAGE, query_string={"channel": channel}).text
        assert shown.count("<li class=") == 1
        assert telephones.CHANNELS[channel][0] in shown


def test_push_to_another_browser_is_refused(everywhere: tuple[FlaskClient, dict[str, str]]) -> None:
    page, found = everywhere
    push = next(one for one in list_providers(SendingSettings.of_environment(), list, {}.__setitem__) if one.channel == "push").make()
    other = p256_keys("OTHER")["OTHER_PUBLIC_KEY"]
    address = f"https://localhost:{found['SANDBOX_TLS_PORT']}/push/mei"
    keys = {"id": str(uuid4()), "endpoint": address, "p256dh": other, "auth": found["SANDBOX_BROWSER_AUTH"]}
    words = {"ttl": "60", "urgency": "normal", "notice_id": "", "kind": "", "about": ""}
    with pytest.raises(SendingError) as error:
        push.send(Letter(uuid4(), json.dumps([keys]), "zh-CN", "news", words, "…", "…"))
    assert error.value.reason == "push.400"
    assert page.get(API).json["letters"] == []


def test_sandbox_uses_no_provider_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = {"ALIYUN_KEY_ID": "LTAIofsomebody", "SMTP_HOST": "smtp.example.org", "SMTP_PASSWORD": "x", "SMS_REPORTS": "no"}
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    found = environment(tmp_path, lambda name, role: "", origin=one_origin("http://127.0.0.1:8000"), telephones="http://127.0.0.1:8000")
    assert {name for name in found if name.startswith("ALIYUN_")} == set()
    assert (found["SMTP_HOST"], found["SMTP_SECURITY"], found.get("SMTP_PASSWORD")) == ("127.0.0.1", "none", None)
    again = environment(tmp_path, lambda name, role: "", origin=one_origin("http://127.0.0.1:8000"), telephones="http://127.0.0.1:8000")
    assert found == again, "ports and keys are kept"
    assert "http://localhost:5173" in found["CORS_ORIGINS"].split(",")
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example.org")
    named = environment(tmp_path, lambda name, role: "", origin=one_origin("http://127.0.0.1:8000"), telephones="http://127.0.0.1:8000")
    assert named["CORS_ORIGINS"] == "https://app.example.org"
    monkeypatch.setenv("SMS_REPORT_KEYS", found["SMS_REPORT_KEYS"])
    key = ReportSettings.of_environment().keys["tencent"]
    assert found["SANDBOX_REPLIES"] == f"http://127.0.0.1:8000/v1/messages/replies/tencent/{key}"


def test_outbox_does_not_start_on_an_account_elsewhere() -> None:
    variables = {name: os.environ[name] for name in ("PATH", "PUBLIC_URL") if name in os.environ} | {
        "TENCENT_SECRET_ID": ACCOUNT.secret_id,
        "TENCENT_SECRET_KEY": ACCOUNT.secret_key,
        "TENCENT_SMS_APP_ID": ACCOUNT.app_id,
        "TENCENT_SMS_TEMPLATE_ID": ACCOUNT.template_id,
        "TENCENT_SMS_SIGN_NAME": ACCOUNT.sign_name,
        "SMTP_PORT": "1025",
    }
    started = subprocess.run(
        [sys.executable, "-m", "deploy.local.telephones"], env=variables, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert started.returncode != 0
    assert "on this machine alone" in started.stderr
