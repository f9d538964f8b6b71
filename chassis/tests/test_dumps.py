"""Searching dumps: a value is found in every writing that somebody could read."""

import base64
import zlib

import pytest

from chassis.testing.dumps import find_readable, writings

NAME, PHONE = "尉迟砚秋", "13712345678"


def column(raw: bytes) -> bytes:
    """Return a column of bytes as a dump writes it."""
    return b"1\t\\\\x" + raw.hex().encode() + b"\n"


@pytest.mark.parametrize("value", [NAME, PHONE])
@pytest.mark.parametrize(
    "written",
    [
        lambda value: value.encode(),
        lambda value: value.encode("utf-16-le"),
        lambda value: value.encode("gb18030"),
        lambda value: value.encode().hex().upper().encode(),
        lambda value: base64.b64encode(b"x" + value.encode() + b"yz"),
        lambda value: base64.urlsafe_b64encode(b"xy" + value.encode("utf-16-be") + b"z"),
        lambda value: value.encode("unicode_escape"),
        lambda value: column(b"\x00" + value.encode()),
        lambda value: column(zlib.compress(value.encode())),
        lambda value: column(base64.b64encode(value.encode())),
    ],
)
def test_value_is_found_in_each_writing(value: str, written: object) -> None:
    content = b"COPY people FROM stdin;\n" + written(value)  # type: ignore[operator]
    assert find_readable(content, [NAME, PHONE]) == [value]


def test_reversed_digits_are_found_and_reversed_texts_are_not_looked_for() -> None:
    assert find_readable(PHONE[::-1].encode() + NAME[::-1].encode(), [NAME, PHONE]) == [PHONE]


def test_plain_hashes_are_found() -> None:
    assert all(len(find_readable(form, [PHONE])) == 1 for form in writings(PHONE))


def test_other_values_are_not_found() -> None:
    assert find_readable(column("尉迟砚".encode()) + b"1371234567", [NAME, PHONE]) == []
