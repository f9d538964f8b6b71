"""Codes, derived from a secret key and the id of their request."""

import hashlib
import hmac
from uuid import UUID

DIGITS = 6


def id_of_key(key: bytes) -> bytes:
    """Return eight bytes that name a key and reveal nothing of it."""
    return hmac.digest(key, b"duijie name of a key", hashlib.sha256)[:8]


def derive_code(key: bytes, purpose: str, request_id: UUID) -> str:
    """Derive the six digits of a request.

    A number of 256 bits modulo a million: no code is likelier than another by more than 2^-236.
    """
    derived = hmac.digest(key, b"duijie code\0" + purpose.encode() + b"\0" + request_id.bytes, hashlib.sha256)
    return f"{int.from_bytes(derived, 'big') % 10**DIGITS:0{DIGITS}d}"


def is_code(derived: str, given: str) -> bool:
    """Compare two codes in constant time."""
    return hmac.compare_digest(derived.encode(), given.encode())
