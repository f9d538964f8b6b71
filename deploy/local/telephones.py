"""The outbox of the sandbox: `python -m deploy.local.telephones`. It speaks the protocols of every channel's providers on loopback ports.

It keeps each message in memory and shows it at `/sandbox/telephones`, to programs at `/sandbox/telephones.json`. An SMS can be answered
there. No image contains it, and it refuses an account of a provider elsewhere.
"""

import hashlib
import hmac
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from flask import Flask, Request, Response, jsonify, render_template, request

from chassis.data.database import new_id
from chassis.environment import NEEDED, Environment
from chassis.failures import one_line_failures
from chassis.http import headers
from chassis.http.server import serve
from chassis.settings import WebSettings
from deploy.local.mailbox import Mail, Mailbox
from deploy.local.mini_program import MiniProgram
from deploy.local.receivers import Arrivals, Arrived, Browser, Receivers
from notify.channels.texts import CODE, ShortText, texts
from notify.settings import TencentSettings, WechatSettings

PAGE, API, REPLIES = "/sandbox/telephones", "/sandbox/telephones.json", "/sandbox/telephones/replies"
KEPT, PORT = 1000, 8090
CLOCKS_DIFFER = 300
LONGEST_REPLY = 70
REPLY_SECONDS = 5.0
CHINA = ZoneInfo("Asia/Shanghai")
CHANNELS = {
    "sms": ("短信", "SMS"),
    "email": ("邮件", "e-mail"),
    "wechat": ("微信", "WeChat"),
    "push": ("浏览器推送", "web push"),
    "webhook": ("签名推送", "webhook"),
    "wecom": ("企业微信", "WeCom"),
    "dingtalk": ("钉钉", "DingTalk"),
    "feishu": ("飞书", "Feishu"),
}
_AUTHORISATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<date>[0-9-]{10})/sms/tc3_request, SignedHeaders=content-type;host,"
    r" Signature=(?P<signature>[0-9a-f]{64})\Z"
)
_TELEPHONE = re.compile(r"\+861[3-9][0-9]{9}\Z")
_PARAMETERS = {CODE: re.compile(r"[0-9]{1,6}\Z")}
_PARAMETER = re.compile(r"[^\n<>【】]{1,20}\Z")


class Refused(Exception):
    """The provider refuses a request as a whole, with one of its codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Reply:
    """An answer from a telephone, and whether the house took it."""

    text: str
    at: str
    taken: bool


@dataclass(frozen=True)
class Sms:
    """A message that arrived at a telephone. `about` is the sender's reference; `code` is empty for a notice.

    `extension` is the end of the number that it came from: answers go there.
    """

    phone: str
    text: str
    code: str
    about: str
    at: str
    number: str
    extension: str = ""
    replies: tuple[Reply, ...] = field(default=())


class Telephones:
    """The telephones of one provider's account. `fault` may refuse a telephone: it returns the code of the refusal, or None.

    `replies_to` is the address to which the provider passes answers on. Raises `ValueError` for an account that is not on this machine.
    """

    def __init__(
        self, account: TencentSettings, fault: Callable[[str], str | None] = lambda phone: None, replies_to: str | None = None
    ) -> None:
        if not account.is_here:
            raise ValueError("the sandbox plays a provider on this machine alone")
        self._account = account
        self._replies_to = replies_to
        self._fault = fault
        self._messages: deque[Sms] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def messages(self, phone: str | None = None, about: str | None = None) -> list[Sms]:
        """List the messages of a telephone, or of all, the newest first."""
        with self._lock:
            kept = list(self._messages)
        return [one for one in reversed(kept) if phone in {None, one.phone} and about in {None, one.about}]

    def reply(self, number: str, text: str) -> bool:
        """Answer a message from the telephone it arrived at, as the provider passes it on; tell whether the house took the answer.

        Raises `LookupError` for a message that is not here.
        """
        asked = next((one for one in self.messages() if one.number == number), None)
        if asked is None:
            raise LookupError(number)
        body = {
            "nationcode": "86",
            "mobile": asked.phone,
            "text": text,
            "sign": self._account.sign_name,
            "time": int(time.time()),
            "extend": asked.extension,
        }
        taken = False
        if self._replies_to:
            try:
                taken = httpx.post(self._replies_to, json=body, timeout=REPLY_SECONDS, trust_env=False).status_code == 200
            except httpx.HTTPError:
                taken = False
        answered = Reply(text, datetime.now(CHINA).isoformat(timespec="seconds"), taken)
        with self._lock:
            for at, one in enumerate(self._messages):
                if one.number == number:
                    self._messages[at] = replace(one, replies=(*one.replies, answered))
        return taken

    def answer(self, asked: Request) -> dict[str, Any]:
        """Answer a request of the provider's API: two actions of version 2021-01-11."""
        request_id = str(new_id())
        try:
            self._check_signature(asked)
            if asked.headers.get("X-TC-Version") != "2021-01-11":
                raise Refused("NoSuchVersion")
            match asked.headers.get("X-TC-Action"):
                case "SendSms":
                    return {"Response": {"SendStatusSet": self._send(asked), "RequestId": request_id}}
                case "PullSmsSendStatusByPhoneNumber":
                    return {"Response": {"PullSmsSendStatusSet": self._list_reports(asked), "RequestId": request_id}}
                case _:
                    raise Refused("InvalidAction")
        except Refused as refused:
            return {"Response": {"Error": {"Code": refused.code, "Message": refused.code}, "RequestId": request_id}}

    def _check_signature(self, asked: Request) -> None:
        """Check the signature TC3-HMAC-SHA256. Raises `Refused`."""
        stated = _AUTHORISATION.match(asked.headers.get("Authorization", ""))
        moment = asked.headers.get("X-TC-Timestamp", "")
        if stated is None or not re.fullmatch(r"[0-9]{10}", moment):
            raise Refused("AuthFailure.InvalidAuthorization")
        if abs(time.time() - int(moment)) > CLOCKS_DIFFER or time.strftime("%Y-%m-%d", time.gmtime(int(moment))) != stated["date"]:
            raise Refused("AuthFailure.SignatureExpire")
        if stated["id"] != self._account.secret_id:
            raise Refused("AuthFailure.SecretIdNotFound")
        body = hashlib.sha256(asked.get_data()).hexdigest()
        named = f"content-type:{asked.headers.get('Content-Type', '')}\nhost:{asked.headers.get('Host', '')}\n"
        whole = f"{asked.method}\n{asked.path}\n\n{named}\ncontent-type;host\n{body}"
        signed = f"TC3-HMAC-SHA256\n{moment}\n{stated['date']}/sms/tc3_request\n{hashlib.sha256(whole.encode()).hexdigest()}"
        key = f"TC3{self._account.secret_key}".encode()
        for part in (stated["date"], "sms", "tc3_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(hmac.new(key, signed.encode(), "sha256").hexdigest(), stated["signature"]):
            raise Refused("AuthFailure.SignatureFailure")

    def _send(self, asked: Request) -> list[dict[str, Any]]:
        try:
            body = json.loads(asked.get_data())
            phones, parameters = body["PhoneNumberSet"], body["TemplateParamSet"]
        except (ValueError, KeyError, TypeError):
            raise Refused("MissingParameter") from None
        named = {number: name for name, number in self._account.templates.items()}
        text = texts().get(named.get(body.get("TemplateId", ""), ""))
        checks = {
            "InvalidParameterValue.SdkAppIdNotExist": body.get("SmsSdkAppId") == self._account.app_id,
            "FailedOperation.TemplateUnapprovedOrNotExist": text is not None,
            "FailedOperation.SignatureIncorrectOrUnapproved": body.get("SignName") == self._account.sign_name,
            "InvalidParameterValue.TemplateParameterFormatError": text is None or _fits(text, parameters),
        }
        refusal = next((code for code, is_right in checks.items() if not is_right), None)
        about, extension = body.get("SessionContext", ""), body.get("ExtendCode", "")
        return [self._deliver(phone, text, parameters, about, extension, refusal) for phone in phones]

    def _list_reports(self, asked: Request) -> list[dict[str, Any]]:
        """List what arrived at a telephone since a moment."""
        try:
            body = json.loads(asked.get_data())
            phone, since, limit = str(body["PhoneNumber"]).removeprefix("+86"), int(body["BeginTime"]), int(body["Limit"])
        except (ValueError, KeyError, TypeError):
            raise Refused("MissingParameter") from None
        arrived = [one for one in self.messages(phone) if datetime.fromisoformat(one.at).timestamp() >= since]
        return [
            {
                "UserReceiveTime": int(datetime.fromisoformat(one.at).timestamp()),
                "CountryCode": "86",
                "SubscriberNumber": one.phone,
                "PhoneNumber": f"+86{one.phone}",
                "SerialNo": one.number,
                "ReportStatus": "SUCCESS",
                "Description": "DELIVRD",
                "SessionContext": one.about,
            }
            for one in arrived[:limit]
        ]

    def _deliver(
        self, phone: str, text: ShortText | None, parameters: list[str], about: str, extension: str, refusal: str | None
    ) -> dict[str, Any]:
        if not _TELEPHONE.match(phone):
            refusal = refusal or "InvalidParameterValue.IncorrectPhoneNumber"
        refusal = refusal or self._fault(phone)
        number = "" if refusal else str(new_id())
        if refusal is None and text is not None:
            filled = dict(zip(text.parameters, parameters, strict=True))
            words = f"【{self._account.sign_name}】{text.render(filled)}"
            at = datetime.now(CHINA).isoformat(timespec="seconds")
            with self._lock:
                self._messages.append(Sms(phone.removeprefix("+86"), words, filled.get("code", ""), about, at, number, extension))
        return {
            "SerialNo": number,
            "PhoneNumber": phone,
            "Fee": 0 if refusal else 1,
            "SessionContext": about,
            "Code": refusal or "Ok",
            "Message": refusal or "send success",
            "IsoCode": "CN",
        }


def _fits(text: ShortText, parameters: Any) -> bool:
    shape = _PARAMETERS.get(text.name, _PARAMETER)
    return len(parameters) == len(text.parameters) and all(isinstance(one, str) and shape.match(one) for one in parameters)


@dataclass(frozen=True)
class Shown:
    """A message of any channel on the page, the newest first."""

    channel: str
    to: str
    at: str
    sms: Sms | None = None
    title: str = ""
    text: str = ""


def _list_shown(sms: list[Sms], mails: list[Mail], letters: list[Arrived]) -> list[Shown]:
    shown = [Shown("sms", one.phone, one.at, sms=one) for one in sms]
    shown += [Shown("email", one.to, one.at, title=one.subject, text=one.text) for one in mails]
    shown += [Shown(one.channel, one.to, one.at, title=one.title, text=_indented(one)) for one in letters]
    return sorted(shown, key=lambda one: one.at, reverse=True)


def _indented(one: Arrived) -> str:
    """Return the text of a letter, the JSON of a webhook on several lines."""
    return json.dumps(json.loads(one.text), ensure_ascii=False, indent=2) if one.channel == "webhook" else one.text


def create(
    telephones: Telephones, mailbox: Mailbox | None = None, arrivals: Arrivals | None = None, mini_program: MiniProgram | None = None
) -> Flask:
    """Create the application: the APIs of providers, the page, answers to SMS, and all messages as JSON."""
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]

    def asked_for() -> list[Sms]:
        return telephones.messages(request.args.get("phone"), request.args.get("about"))

    def mails() -> list[Mail]:
        return mailbox.mails(request.args.get("email")) if mailbox else []

    def letters() -> list[Arrived]:
        return arrivals.list() if arrivals else []

    def show_json() -> Response:
        return jsonify(
            items=[asdict(one) for one in asked_for()], mails=[asdict(one) for one in mails()], letters=[asdict(one) for one in letters()]
        )

    def show_page() -> str:
        channel, phone, email = (request.args.get(name) for name in ("channel", "phone", "email"))
        only = phone or email
        shown = _list_shown([] if email else asked_for(), [] if phone else mails(), [] if only else letters())
        shown = [one for one in shown if channel in {None, one.channel}]
        return render_template(
            "telephones.html", shown=shown, only=only, channel=channel, channels=CHANNELS, page=PAGE, replies=REPLIES, longest=LONGEST_REPLY
        )

    def reply() -> tuple[Response, int]:
        # Nothing but our own page sends JSON here: a form of another site cannot.
        body = request.get_json() if request.is_json else None
        number, text = (body.get(name) if isinstance(body, dict) else None for name in ("number", "text"))
        if not isinstance(number, str) or not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST_REPLY:
            return jsonify(code="invalid"), 422
        try:
            return jsonify(taken=telephones.reply(number, text.strip())), 201
        except LookupError:
            return jsonify(code="not_found"), 404

    def keep_nowhere(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    app.add_url_rule("/", "api", lambda: jsonify(telephones.answer(request)), methods=["POST"])
    app.add_url_rule("/readyz", "ready", lambda: {"status": "ok"})
    app.add_url_rule(PAGE, "page", show_page)
    app.add_url_rule(API, "messages", show_json)
    app.add_url_rule(REPLIES, "reply", reply, methods=["POST"])
    if mini_program:
        mini_program.install(app)
    app.after_request(keep_nowhere)
    headers.install_on_pages(app, WebSettings.of_environment())
    return app


def of_environment() -> Flask:
    """Create the application, with a mail server and the receivers, from the settings of the sandbox."""
    env = Environment()
    mail_port, tls_port = (env.whole(name, 0, 1, 65_535) for name in ("SMTP_PORT", "SANDBOX_TLS_PORT"))
    replies_to = env.text("SANDBOX_REPLIES", "", "the address that answers are passed on to", r"http://127\.0\.0\.1:[^\s]+")
    certificate = env.text("SANDBOX_CERTIFICATE", NEEDED, "the file of the receivers' certificate", r"/.+")
    browser = Browser(
        *(env.text(f"SANDBOX_BROWSER_{name}", NEEDED, "a key in base64", r"[A-Za-z0-9_-]+") for name in ("PRIVATE_KEY", "AUTH"))
    )
    played = Telephones(TencentSettings.of_environment(), replies_to=replies_to or None)
    env.check()
    mailbox, arrivals = Mailbox(mail_port), Arrivals()
    mailbox.open()
    Receivers(arrivals, browser, tls_port, Path(certificate)).open()
    return create(played, mailbox, arrivals, MiniProgram(WechatSettings.of_environment(), arrivals))


@one_line_failures
def main() -> None:
    env = Environment()
    port = env.whole("PORT", PORT, 1, 65_535)
    env.check()
    serve(of_environment(), "telephones", "127.0.0.1", port, WebSettings.of_environment())


if __name__ == "__main__":
    main()
