"""The sandbox's outbox: SMS and mails of the real channels arrive there, an SMS is answered there, and nothing of it runs elsewhere."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from chassis.testing.folders import kept_ports
from deploy.local import telephones
from deploy.local.client import one_origin
from deploy.local.environment import environment
from deploy.local.mailbox import Mailbox
from deploy.local.telephones import API, PAGE, REPLIES, Telephones
from notify.channels.email import Email
from notify.channels.interface import Letter
from notify.channels.tencent import TencentSms
from notify.settings import ReportSettings, SmtpSettings, TencentSettings

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


def test_outbox_plays_no_provider_elsewhere() -> None:
    with pytest.raises(ValueError, match="on this machine alone"):
        Telephones(replace(ACCOUNT, endpoint="https://sms.tencentcloudapi.com"))


def test_sandbox_uses_no_provider_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = {"ALIYUN_KEY_ID": "LTAIofsomebody", "SMTP_HOST": "smtp.example.org", "SMTP_PASSWORD": "x", "SMS_REPORTS": "no"}
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    found = environment(tmp_path, lambda name, role: "", origin=one_origin("http://127.0.0.1:8000"), telephones="http://127.0.0.1:8000")
    assert {name for name in found if name.startswith("ALIYUN_")} == set()
    assert (found["SMTP_HOST"], found["SMTP_SECURITY"], found.get("SMTP_PASSWORD")) == ("127.0.0.1", "none", None)
    again = environment(tmp_path, lambda name, role: "", origin=one_origin("http://127.0.0.1:8000"), telephones="http://127.0.0.1:8000")
    assert found == again, "ports and keys are kept"
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
