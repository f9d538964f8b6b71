"""Names, phones, numbers of documents, photos: stored encrypted, found again by a keyed fingerprint, never readable in the database."""

import hashlib
import hmac
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from environs import Env
from sqlalchemy import Dialect, LargeBinary, TypeDecorator


def _each_key() -> list[Fernet]:
    keys: list[str] = Env().list("SEAL_KEYS")
    return [Fernet(key) for key in keys]


@cache
def _keys() -> MultiFernet:
    return MultiFernet(_each_key())


@cache
def _fingerprint_key() -> bytes:
    key: str = Env().str("FINGERPRINT_KEY")
    return key.encode()


class Encrypted(TypeDecorator[str]):
    """Text that only a process holding `SEAL_KEYS` (Fernet keys, newest first) can read.

    It cannot be searched: keep a fingerprint beside it.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _keys().encrypt(value.encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _keys().decrypt(bytes(value)).decode()


class EncryptedBytes(TypeDecorator[bytes]):
    """As `Encrypted`, of bytes: a photo, say."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _keys().encrypt(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else _keys().decrypt(bytes(value))


def rotate(token: bytes) -> bytes | None:
    """What was sealed by an older key, sealed by the newest; None when it is so already. Raises `InvalidToken` if no key opens it."""
    try:
        _each_key()[0].decrypt(token)
    except InvalidToken:
        return _keys().rotate(token)
    return None


def fingerprint(value: str | bytes) -> bytes:
    """32 bytes that are the same for the same value and tell nothing without `FINGERPRINT_KEY` (HMAC-SHA-256)."""
    return hmac.digest(_fingerprint_key(), value.encode() if isinstance(value, str) else value, hashlib.sha256)
