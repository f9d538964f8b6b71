"""The telephone network of the sandbox: `python -m deploy.local.telephones`. It speaks the SMS provider's protocol on a loopback port.

It keeps each message in memory and shows it at `/sandbox/telephones`, to programs at `/sandbox/telephones.json`. No image contains it.
"""

import hashlib
import hmac
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, Request, Response, jsonify, render_template, request

from chassis.data.database import new_id
from chassis.environment import Environment
from chassis.failures import one_line_failures
from chassis.http import headers
from chassis.http.server import serve
from chassis.settings import WebSettings
from notify.channels.texts import CODE, ShortText, texts
from notify.settings import TencentSettings

PAGE, API = "/sandbox/telephones", "/sandbox/telephones.json"
KEPT, PORT = 1000, 8090
CLOCKS_DIFFER = 300
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
class Sms:
    """A message that arrived at a telephone. `about` is the sender's reference; `code` is empty for a notice."""

    phone: str
    text: str
    code: str
    about: str
    at: str
    number: str


class Telephones:
    """The telephones of one provider's account. `fault` may refuse a telephone: it returns the code of the refusal, or None."""

    def __init__(self, account: TencentSettings, fault: Callable[[str], str | None] = lambda phone: None) -> None:
        self._account = account
        self._fault = fault
        self._messages: deque[Sms] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def messages(self, phone: str | None = None, about: str | None = None) -> list[Sms]:
        """List the messages of a telephone, or of all, the newest first."""
        with self._lock:
            kept = list(self._messages)
        return [one for one in reversed(kept) if phone in {None, one.phone} and about in {None, one.about}]

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
        return [self._deliver(phone, text, parameters, body.get("SessionContext", ""), refusal) for phone in phones]

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

    def _deliver(self, phone: str, text: ShortText | None, parameters: list[str], about: str, refusal: str | None) -> dict[str, Any]:
        if not _TELEPHONE.match(phone):
            refusal = refusal or "InvalidParameterValue.IncorrectPhoneNumber"
        refusal = refusal or self._fault(phone)
        number = "" if refusal else str(new_id())
        if refusal is None and text is not None:
            filled = dict(zip(text.parameters, parameters, strict=True))
            words = f"【{self._account.sign_name}】{text.render(filled)}"
            at = datetime.now(ZoneInfo("Asia/Shanghai")).isoformat(timespec="seconds")
            with self._lock:
                self._messages.append(Sms(phone.removeprefix("+86"), words, filled.get("code", ""), about, at, number))
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


def create(telephones: Telephones) -> Flask:
    """Create the application: the provider's API at `/`, the telephones' page, and the same as JSON."""
    app = Flask(__name__)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]

    def asked_for() -> list[Sms]:
        return telephones.messages(request.args.get("phone"), request.args.get("about"))

    def show_json() -> Response:
        return jsonify(items=[asdict(one) for one in asked_for()])

    def show_page() -> str:
        return render_template("telephones.html", messages=asked_for(), phone=request.args.get("phone"), page=PAGE)

    def keep_nowhere(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    app.add_url_rule("/", "api", lambda: jsonify(telephones.answer(request)), methods=["POST"])
    app.add_url_rule("/readyz", "ready", lambda: {"status": "ok"})
    app.add_url_rule(PAGE, "page", show_page)
    app.add_url_rule(API, "messages", show_json)
    app.after_request(keep_nowhere)
    headers.install_on_pages(app, WebSettings.of_environment())
    return app


@one_line_failures
def main() -> None:
    env = Environment()
    port = env.whole("PORT", PORT, 1, 65_535)
    env.check()
    serve(create(Telephones(TencentSettings.of_environment())), "telephones", "127.0.0.1", port, WebSettings.of_environment())


if __name__ == "__main__":
    main()
