"""Cursors of the hall: the stage and the need behind which a page goes on."""

import base64
import binascii
from uuid import UUID

from chassis.problems import invalid


def write_cursor(stage: int, last: UUID) -> str:
    """Write a cursor; the first stage needs no number, so that plain lists have the cursors of every list."""
    raw = (stage.to_bytes(1, "big") if stage else b"") + last.bytes
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, UUID]:
    """Read the stage and the id. Raises `invalid` for a malformed cursor."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if len(raw) not in {16, 17}:
            raise ValueError
    except (ValueError, binascii.Error):
        raise invalid(errors=[{"pointer": "#query/cursor", "code": "wrong"}]) from None
    return (raw[0] if len(raw) == 17 else 0), UUID(bytes=raw[-16:])
