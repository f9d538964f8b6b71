"""A server that plays Aliyun SMS: its signature ACS3-HMAC-SHA256, two actions of version 2017-05-25, and documented refusals."""

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from flask import Flask, Request, Response, jsonify, request
from werkzeug.serving import make_server

from chassis.data.database import new_id
from chassis.testing.quiet import Quiet
from notify.channels.texts import texts
from notify.settings import AliyunSettings

_AUTHORISATION = re.compile(
    r"ACS3-HMAC-SHA256 Credential=(?P<id>[^,]+),SignedHeaders=(?P<headers>[^,]+),Signature=(?P<signature>[0-9a-f]{64})\Z"
)
NEEDED = {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
_MOBILE = re.compile(r"1[3-9][0-9]{9}\Z")


@dataclass(frozen=True)
class Taken:
    """A letter that the server took."""

    phone: str
    out_id: str
    number: str
    text: str


@dataclass
class Aliyun:
    """One account. `before` may refuse a letter with a code of the provider, or wait; `after` runs when it is taken."""

    account: AliyunSettings
    port: int
    before: Callable[[str], str | None] = lambda phone: None
    after: Callable[[str], object] = lambda phone: None
    whole: Callable[[], Response | None] = lambda: None
    taken: list[Taken] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    asked: int = 0

    def open(self) -> None:
        app = Flask(__name__)
        app.add_url_rule("/", "api", lambda: self.whole() or self._answer(request), methods=["POST", "GET"])
        self._server = make_server("127.0.0.1", self.port, app, threaded=True, request_handler=Quiet)
        self.port = self._server.server_port
        self.account = replace(self.account, endpoint=f"http://127.0.0.1:{self.port}")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, asked: Request) -> Response:
        if (refusal := self._signature_problem(asked)) is not None:
            return self._refuse(*refusal)
        action = (asked.headers.get("x-acs-action"), asked.headers.get("x-acs-version"))
        match action:
            case ("SendSms", "2017-05-25"):
                return self._send(asked)
            case ("QuerySendDetails", "2017-05-25"):
                return self._list(asked)
        return self._refuse(404, "InvalidAction.NotFound")

    def _refuse(self, status: int, code: str) -> Response:
        response = jsonify(Code=code, Message=code, RequestId=str(new_id()).upper(), HostId="dysmsapi.aliyuncs.com")
        response.status_code = status
        return response

    def _signature_problem(self, asked: Request) -> tuple[int, str] | None:
        stated = _AUTHORISATION.match(asked.headers.get("Authorization", ""))
        if stated is None:
            return 400, "MissingAuthorization"
        moment = time.strptime(asked.headers.get("x-acs-date", ""), "%Y-%m-%dT%H:%M:%SZ")
        names, nonce = stated["headers"].split(";"), asked.headers.get("x-acs-signature-nonce", "")
        body = hashlib.sha256(asked.get_data()).hexdigest()
        checks = {
            (404, "InvalidAccessKeyId.NotFound"): stated["id"] == self.account.key_id,
            (400, "InvalidTimeStamp.Expired"): abs(time.mktime(time.gmtime()) - time.mktime(moment)) < 900,
            (400, "IncompleteSignature"): {*names} >= NEEDED and asked.headers.get("x-acs-content-sha256") == body,
            (400, "SignatureDoesNotMatch"): hmac.compare_digest(self._sign(asked, names, body), stated["signature"]),
            (400, "SignatureNonceUsed"): nonce not in self.nonces,
        }
        self.nonces.add(nonce)
        return next((refusal for refusal, is_right in checks.items() if not is_right), None)

    def _sign(self, asked: Request, names: list[str], body: str) -> str:
        query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(asked.args.items()))
        headers = "".join(f"{name}:{asked.headers.get(name, '').strip()}\n" for name in names)
        whole = f"{asked.method}\n/\n{query}\n{headers}\n{';'.join(names)}\n{body}"
        signed = f"ACS3-HMAC-SHA256\n{hashlib.sha256(whole.encode()).hexdigest()}"
        return hmac.new(self.account.key_secret.encode(), signed.encode(), "sha256").hexdigest()

    def _send(self, asked: Request) -> Response:
        """Take a letter. Refusals of letters come with status 200, as documented."""
        fields, named = asked.args, {number: texts()[name] for name, number in self.account.templates.items()}
        phone, text = fields.get("PhoneNumbers", ""), named.get(fields.get("TemplateCode", ""))
        parameters = json.loads(fields.get("TemplateParam", "{}"))
        checks = {
            "isv.SMS_SIGNATURE_ILLEGAL": fields.get("SignName") == self.account.sign_name,
            "isv.SMS_TEMPLATE_ILLEGAL": text is not None,
            "isv.TEMPLATE_MISSING_PARAMETERS": text is None or parameters.keys() == {*text.parameters},
            "isv.MOBILE_NUMBER_ILLEGAL": _MOBILE.match(phone) is not None,
        }
        refusals = (code for code, is_right in checks.items() if not is_right)
        if code := next(refusals, None) or self.before(phone):
            return self._refuse(200, code)
        assert text
        taken = Taken(phone, fields.get("OutId", ""), f"{time.time_ns()}^0", text.render(parameters))
        self.taken.append(taken)
        self.after(phone)
        return jsonify(Code="OK", Message="OK", BizId=taken.number, RequestId=str(new_id()).upper())

    def _list(self, asked: Request) -> Response:
        self.asked += 1
        day = asked.args.get("SendDate", "")
        found = [one for one in self.taken if one.phone == asked.args.get("PhoneNumber")] if re.fullmatch("[0-9]{8}", day) else []
        details = [{"PhoneNum": one.phone, "OutId": one.out_id, "SendStatus": 3, "Content": one.text} for one in found]
        listed = details[: int(asked.args.get("PageSize", "10"))]
        return jsonify(Code="OK", Message="OK", TotalCount=len(found), SmsSendDetailDTOs={"SmsSendDetailDTO": listed})
