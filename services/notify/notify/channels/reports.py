"""Reports that providers of SMS push: what became of the letters that they took.

Neither provider signs its reports. Each knows an address of ours with a key in it, `SMS_REPORT_KEYS`.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from notify.channels.interface import Report
from notify.settings import ReportSettings


class _OfTencent(msgspec.Struct):
    sid: str
    report_status: str
    errmsg: str = ""


class _OfAliyun(msgspec.Struct):
    biz_id: str
    success: bool
    err_code: str = ""


@dataclass(frozen=True)
class Reader:
    """The form of one provider's reports, and the answer that it expects. `read` raises `MsgspecError`."""

    read: Callable[[bytes], list[Report]]
    answer: Mapping[str, Any]


def read_tencent(body: bytes) -> list[Report]:
    """Read a push of Tencent Cloud: `SUCCESS`, or `FAIL` with a word of the network."""
    found = msgspec.json.decode(body, type=list[_OfTencent])
    return [Report(one.sid, "delivered" if one.report_status == "SUCCESS" else "permanent-failure", _code(one.errmsg)) for one in found]


def read_aliyun(body: bytes) -> list[Report]:
    """Read a push of Aliyun."""
    found = msgspec.json.decode(body, type=list[_OfAliyun])
    return [Report(one.biz_id, "delivered" if one.success else "permanent-failure", _code(one.err_code)) for one in found]


READERS: Mapping[str, Reader] = {
    "tencent": Reader(read_tencent, {"result": 0, "errmsg": "OK"}),
    "aliyun": Reader(read_aliyun, {"code": 0, "msg": "OK"}),
}


def is_report_key(provider: str, key: str) -> bool:
    """Tell whether a provider's address has its key, in a time that tells nothing about it."""
    wanted = ReportSettings.of_environment().keys.get(provider)
    return provider in READERS and wanted is not None and hmac.compare_digest(wanted.encode(), key.encode())


def _code(said: str) -> str | None:
    return "".join(one for one in said if one.isascii() and (one.isalnum() or one in "._:-"))[:80] or None
