"""Subscription messages of a WeChat mini-program (微信小程序订阅消息): whoever allowed one gets a filed template with two or three words.

The provider documents them at developers.weixin.qq.com: `stable_token`, `code2Session` and `subscribeMessage.send`.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx

from chassis.data.database import now
from notify.channels.interface import Failure, Found, Letter, Receipt, SendingError
from notify.settings import WechatSettings

SECONDS = 5.0
LINK = "wechat_link"
"""The text of a letter that links an account: its address is the code that the mini-program got for the person."""
OK = 0
TOKEN_OVER = {40001, 40014, 42001}
OF_THE_PERSON = {43101, 40003, 40029, 40163, 40226}
"""The person refused or allowed no more, the openid is none, the code was used, is over, or belongs to a barred person."""
PASSING = {-1, 44990, 45009, 45011}
"""WeChat is busy, gets too much at once, or its budget of the day (45009) is used up: it is tried again, more and more seldom."""
USED_UP = 45009
CHINA = ZoneInfo("Asia/Shanghai")
RENEWED_BEFORE_SECONDS = 300
LONGEST_THING = 20


def outcome_of(code: int) -> Failure:
    """Class an error code. Codes of the template, its words and the account last until somebody mends them."""
    if code in OF_THE_PERSON:
        return "permanent-failure"
    return "temporary-failure" if code in PASSING else "technical-failure"


def find_retry_at(code: int, at: datetime) -> datetime | None:
    """Return when a code ends by itself: the budget of the day at midnight in China. None for any other."""
    tomorrow = at.astimezone(CHINA).date() + timedelta(days=1)
    return datetime.combine(tomorrow, datetime.min.time(), CHINA) if code == USED_UP else None


class WechatToken:
    """The access token of the account, shared by the threads of a process. `stable_token` gives all processes the same one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value = ""
        self.until = 0.0


class Wechat:
    """One mini-program. `link` is told whose openid a code was for."""

    def __init__(self, settings: WechatSettings, token: WechatToken, link: Callable[[UUID, str], None], seconds: float = SECONDS) -> None:
        self._settings, self._token, self._link = settings, token, link
        self._client = httpx.Client(base_url=settings.endpoint, timeout=seconds, trust_env=False, follow_redirects=False)

    def send(self, letter: Letter) -> Receipt:
        if letter.text == LINK:
            self._link(letter.reference, self._exchange(letter.to))
            return Receipt("delivered")
        known = {name: letter.parameters[source] for name, source in self._settings.fields.items()}
        body = {
            "touser": letter.to,
            "template_id": self._settings.template_id,
            "page": self._settings.page,
            "lang": "zh_CN" if letter.language == "zh-CN" else "en_US",
            "data": {name: {"value": value[:LONGEST_THING]} for name, value in known.items()},
        }
        self._call(body)
        return Receipt("delivered")

    def find(self, letter: Letter, since: datetime) -> Found:
        """Nobody can ask what became of a subscription message."""
        return "unknown"

    def close(self) -> None:
        self._client.close()

    def _call(self, body: Mapping[str, Any]) -> None:
        """Send a message. A token that is over is renewed once. Raises `SendingError`."""
        token = self._find_token()
        for is_last in (False, True):
            code = self._ask("POST", "/cgi-bin/message/subscribe/send", params={"access_token": token}, json=body)[0]
            if code == OK:
                return
            if code not in TOKEN_OVER or is_last:
                raise SendingError(outcome_of(code), f"wechat.{code}", retry_at=find_retry_at(code, now()))
            token = self._find_token(than=token)

    def _find_token(self, than: str | None = None) -> str:
        """Return the access token; a newer one `than` one that was refused. One thread fetches it for all."""
        with self._token.lock:
            if self._token.value and self._token.value != than and time.monotonic() < self._token.until:
                return self._token.value
            wanted = {
                "grant_type": "client_credential",
                "appid": self._settings.app_id,
                "secret": self._settings.app_secret,
                "force_refresh": than is not None,
            }
            code, answer = self._ask("POST", "/cgi-bin/stable_token", json=wanted)
            value, lasts = answer.get("access_token"), answer.get("expires_in")
            if code != OK or not isinstance(value, str) or not isinstance(lasts, int):
                outcome: Failure = "temporary-failure" if code in PASSING else "technical-failure"
                raise SendingError(outcome, f"wechat.{code}", retry_at=find_retry_at(code, now()))
            self._token.value, self._token.until = value, time.monotonic() + max(lasts - RENEWED_BEFORE_SECONDS, 0)
            return value

    def _exchange(self, code: str) -> str:
        """Return the openid of whoever the mini-program got the code for. Raises `SendingError`."""
        asked = {"appid": self._settings.app_id, "secret": self._settings.app_secret, "js_code": code, "grant_type": "authorization_code"}
        refusal, answer = self._ask("GET", "/sns/jscode2session", params=asked)
        openid = answer.get("openid")
        if refusal != OK or not isinstance(openid, str):
            outcome: Failure = outcome_of(refusal) if refusal != OK else "temporary-failure"
            raise SendingError(outcome, f"wechat.{refusal}", retry_at=find_retry_at(refusal, now()))
        return openid

    def _ask(self, method: str, path: str, **asked: Any) -> tuple[int, dict[str, Any]]:
        """Call the provider; return its code and its answer. Raises `SendingError`."""
        try:
            answer = self._client.request(method, path, **asked)
            found = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError) as error:
            # The exception quotes the address, which holds the token: it is not chained.
            raise SendingError("temporary-failure", f"wechat.{type(error).__name__}") from None
        if not isinstance(found, dict):
            raise SendingError("temporary-failure", f"wechat.{answer.status_code}")
        code = found.get("errcode", OK)
        return code if isinstance(code, int) else -1, found
