"""Strict reading of JSON: input that two readers could understand differently is refused."""

import json
import math
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Request
from webargs import missing

from chassis.problems import bad_json, bad_text, not_utf8, repeated_parameter, unsupported_type

WITH_BODY = {"POST", "PUT", "PATCH"}
_CHARSET = re.compile(r"charset\*?\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
# U+FFFD stands where a path was not UTF-8.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffd]")


def read_body(request: Request, files: Collection[str] = ()) -> Any:
    """Return the decoded body, or webargs' `missing` without one, or when the route takes a file of one of these media types.

    Raises `bad_text` for an address with control characters or not in UTF-8, `repeated_parameter`, and `unsupported_type`, `not_utf8` or
    `bad_json` for the body. JSON has no duplicate keys, NaN or Infinity, numbers over 40 characters, or extreme nesting.
    """
    if _CONTROL.search(request.path) or _CONTROL.search(_decode_query(request.query_string)):
        raise bad_text()
    for name, values in request.args.lists():
        if len(values) > 1:
            raise repeated_parameter(name=name[:50])
    if request.method not in WITH_BODY or not (body := request.get_data(cache=True)):
        return missing
    if files:
        if request.mimetype not in files:
            raise unsupported_type()
        return missing
    if not request.is_json:
        raise unsupported_type()
    try:
        return _READER.decode(_decode(request, body))
    except (ValueError, RecursionError):
        raise bad_json() from None


def _decode_query(query: bytes) -> str:
    """Decode the query of an address. Raises `bad_text` for another charset, which Flask would leave encoded."""
    try:
        return unquote_to_bytes(query).decode("utf-8")
    except UnicodeDecodeError:
        raise bad_text() from None


def _decode(request: Request, body: bytes) -> str:
    """Decode a body. Raises `not_utf8` for another charset, stated or not, and for a byte order mark."""
    stated = _CHARSET.findall(request.headers.get("Content-Type", ""))
    # JSON begins with two ASCII characters, or is one: zeros there are those of wider encodings.
    if any(one.lower() not in {"utf-8", "utf8"} for one in stated) or body.startswith(_BYTE_ORDER_MARKS) or 0 in body[:4]:
        raise not_utf8()
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise not_utf8() from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _whole(digits: str) -> int:
    if len(digits) > 40:
        raise ValueError("number too long")
    return int(digits)


def _decimal(digits: str) -> float:
    if len(digits) > 40 or not math.isfinite(number := float(digits)):
        raise ValueError("number too long")
    return number


_READER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_whole, parse_float=_decimal)
