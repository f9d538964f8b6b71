"""Answers that providers of SMS pass on. Like reports they are not signed: each provider knows an address of ours with a key in it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from chassis.data.encryption import fingerprint

_MOBILE = re.compile(r"(?:\+?86)?(1[3-9][0-9]{9})\Z", re.ASCII)
_EXTENSION = re.compile(r"[0-9]{0,6}\Z", re.ASCII)


@dataclass(frozen=True, repr=False)
class Reply:
    """An answer from a telephone, in E.164, to the number with an `extension`. It has no readable form for logs.

    `number` is the same each time the provider passes the answer on.
    """

    phone: str
    extension: str
    text: str
    number: str


class _OfTencent(msgspec.Struct):
    mobile: str
    text: str
    time: int
    extend: str | None = None
    nationcode: str = "86"


class _OfAliyun(msgspec.Struct):
    phone_number: str
    content: str
    sequence_id: int | str
    send_time: str = ""


@dataclass(frozen=True)
class ReplyReader:
    """The form in which one provider passes answers on, and the answer that it expects itself. `read` raises `MsgspecError`."""

    read: Callable[[bytes], list[Reply]]
    answer: Mapping[str, Any]


def read_tencent(body: bytes) -> list[Reply]:
    """Read a push of Tencent Cloud: one answer, with the extension that the text was sent with and without a number of its own."""
    one = msgspec.json.decode(body, type=_OfTencent)
    extension = one.extend or ""
    if one.nationcode.removeprefix("+") != "86" or not _EXTENSION.match(extension):
        return []
    return _replies(one.mobile, extension, one.text, f"{one.mobile}\n{extension}\n{one.time}\n{one.text}")


def read_aliyun(body: bytes) -> list[Reply]:
    """Read a push of Aliyun: a list of answers. All come to the account's one number."""
    found = msgspec.json.decode(body, type=list[_OfAliyun])
    return [reply for one in found for reply in _replies(one.phone_number, "", one.content, f"{one.sequence_id}\n{one.phone_number}")]


def _replies(phone: str, extension: str, text: str, known_by: str) -> list[Reply]:
    """Return the answer, or nothing for one that comes from no mobile of mainland China: none was asked anything."""
    mobile = _MOBILE.match(phone)
    return [Reply(f"+86{mobile[1]}", extension, text, fingerprint(known_by).hex())] if mobile else []


READERS: Mapping[str, ReplyReader] = {
    "tencent": ReplyReader(read_tencent, {"result": 0, "errmsg": "OK"}),
    "aliyun": ReplyReader(read_aliyun, {"code": 0, "msg": "OK"}),
}
