"""Bots of groups in WeCom, DingTalk and Feishu. Each has an address with a key in it, and tells its refusals in the answer's body.

apprise, which knows these services, takes every answer of WeCom and DingTalk with status 200 for a success: a removed bot, a wrong
signature and too many letters would count as delivered. It also opens connections by itself, past the guarded client.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from chassis.data.database import now
from notify.channels.guarded import Answer, GuardedClient
from notify.channels.interface import Failure, Found, Letter, Receipt, SendingError

Request = tuple[str, dict[str, Any]]
MOST_BYTES = 2000
"""The longest text: WeCom takes 2,048 bytes, the others more."""
PAUSE_OF_CODE = timedelta(minutes=1)


@dataclass(frozen=True)
class Dialect:
    """The protocol of one service: the path of an address, the field with the code, the body, and the meaning of the codes.

    `passing` codes may succeed after the pause. `refused` ones hold for this bot: it was removed, its key is wrong, or its security
    settings refuse the text. Any other code is a fault of ours, for which nothing is sent until it is mended.
    """

    host: str
    path: str
    code: str
    write: Callable[[Letter, datetime], Request]
    passing: Mapping[int, timedelta]
    refused: frozenset[int]

    def class_of(self, code: int) -> Failure:
        """Class a code of the service."""
        if code in self.passing:
            return "temporary-failure"
        return "permanent-failure" if code in self.refused else "technical-failure"


def write_text(letter: Letter) -> str:
    """Write the text of a letter, cut to what every service takes."""
    text = f"【对接平台】{letter.title}\n{letter.body}"
    while len(text.encode()) > MOST_BYTES:
        text = text[: -max(2, (len(text.encode()) - MOST_BYTES) // 4 + 1)] + "…"
    return text


def _write_wecom(letter: Letter, at: datetime) -> Request:
    return letter.to, {"msgtype": "text", "text": {"content": write_text(letter)}}


def _write_dingtalk(letter: Letter, at: datetime) -> Request:
    address = letter.to
    for secret in letter.secrets[:1]:
        timestamp = str(round(at.timestamp() * 1000))
        address += "&" + urlencode({"timestamp": timestamp, "sign": _sign(secret.encode(), f"{timestamp}\n{secret}".encode())})
    return address, {"msgtype": "text", "text": {"content": write_text(letter)}}


def _write_feishu(letter: Letter, at: datetime) -> Request:
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": write_text(letter)}}
    for secret in letter.secrets[:1]:
        timestamp = str(int(at.timestamp()))
        # Here the text to sign is the key, and nothing is signed.
        body |= {"timestamp": timestamp, "sign": _sign(f"{timestamp}\n{secret}".encode(), b"")}
    return letter.to, body


def _sign(key: bytes, text: bytes) -> str:
    return base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()


DIALECTS: Mapping[str, Dialect] = {
    "wecom": Dialect(
        host="qyapi.weixin.qq.com",
        path="/cgi-bin/webhook/send",
        code="errcode",
        write=_write_wecom,
        passing={-1: PAUSE_OF_CODE, 45009: PAUSE_OF_CODE, 45033: PAUSE_OF_CODE},
        refused=frozenset({93000, 93004, 93008, 93017}),
    ),
    "dingtalk": Dialect(
        host="oapi.dingtalk.com",
        path="/robot/send",
        code="errcode",
        write=_write_dingtalk,
        passing={-1: PAUSE_OF_CODE, 130101: timedelta(minutes=10), 410100: timedelta(minutes=10)},
        refused=frozenset({300001, 300005, 310000, 400013, 400101, 400102, 400106}),
    ),
    "feishu": Dialect(
        host="open.feishu.cn",
        path="/open-apis/bot/v2/hook/",
        code="code",
        write=_write_feishu,
        passing={11232: PAUSE_OF_CODE, 11233: PAUSE_OF_CODE, 11247: PAUSE_OF_CODE, 99991400: PAUSE_OF_CODE},
        refused=frozenset({19001, 19021, 19022, 19024}),
    ),
}


class Bots:
    """Posts letters to the bots of one service."""

    def __init__(self, name: str, client: GuardedClient) -> None:
        self._dialect, self._client = DIALECTS[name], client

    def send(self, letter: Letter) -> Receipt:
        """Post a letter. The code in the answer's body counts, not its status."""
        at = now()
        address, body = self._dialect.write(letter, at)
        headers = {"content-type": "application/json; charset=utf-8", "user-agent": "Duijie-Bots/1"}
        answer = self._client.post(address, msgspec.json.encode(body), headers)
        code = _code_of(answer, self._dialect.code)
        if code == 0 and 200 <= answer.status < 300:
            return Receipt("delivered")
        if not code:
            raise SendingError("temporary-failure", f"http.{answer.status}", retry_at=answer.find_retry_at(at))
        pause = self._dialect.passing.get(code)
        retry_at = answer.find_retry_at(at) or (at + pause if pause else None)
        raise SendingError(self._dialect.class_of(code), f"bot.{code}", retry_at=retry_at)

    def find(self, letter: Letter, since: datetime) -> Found:
        """Nobody can ask a bot what it has said."""
        return "unknown"

    def close(self) -> None:
        """Nothing is kept open."""


def _code_of(answer: Answer, field: str) -> int | None:
    """Return the code in the body; None when the body is something else, as a page of a proxy."""
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    code = found.get(field) if isinstance(found, dict) else None
    return code if type(code) is int else None
