"""Encrypted columns for personal data, and keyed fingerprints to find equal values."""

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
    """A text column that only a process with `SEAL_KEYS` (Fernet keys, newest first) can read.

    It cannot be searched: store a fingerprint beside it. Reading raises `InvalidToken` when no key decrypts the value.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Encrypt a value with the newest key."""
        return None if value is None else _keys().encrypt(value.encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Decrypt a value with any of the keys."""
        return None if value is None else _keys().decrypt(bytes(value)).decode()


class EncryptedBytes(TypeDecorator[bytes]):
    """A column of encrypted bytes, a photo for instance; otherwise as `Encrypted`."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Encrypt a value with the newest key."""
        return None if value is None else _keys().encrypt(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        """Decrypt a value with any of the keys."""
        return None if value is None else _keys().decrypt(bytes(value))


def rotate(token: bytes) -> bytes | None:
    """Re-encrypt a value with the newest key; None when it already is. Raises `InvalidToken` when no key decrypts it."""
    try:
        _each_key()[0].decrypt(token)
    except InvalidToken:
        return _keys().rotate(token)
    return None


def fingerprint(value: str | bytes) -> bytes:
    """Return 32 bytes that are equal for equal values and reveal nothing without `FINGERPRINT_KEY` (HMAC-SHA-256)."""
    return hmac.digest(_fingerprint_key(), value.encode() if isinstance(value, str) else value, hashlib.sha256)
