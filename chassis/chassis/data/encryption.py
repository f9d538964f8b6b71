"""Encrypted columns for personal data, and keyed fingerprints to find equal values."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Column, Dialect, LargeBinary, Table, TypeDecorator

from chassis.environment import Environment


@dataclass(frozen=True)
class EncryptionSettings:
    """`SEAL_KEYS`: the keys of encrypted columns, the newest first."""

    keys: list[Fernet]

    @classmethod
    def of_environment(cls) -> "EncryptionSettings":
        """Read the keys. Raises `SettingsError` when they are missing, or one is no Fernet key."""
        env = Environment()
        read = cls(env.parsed("SEAL_KEYS", _parse_keys, wanted="Fernet keys separated by commas, the newest first"))
        env.check()
        return read


@dataclass(frozen=True)
class FingerprintSettings:
    """`FINGERPRINT_KEY`: the key of fingerprints."""

    key: bytes

    @classmethod
    def of_environment(cls) -> "FingerprintSettings":
        """Read the key. Raises `SettingsError` when it is missing."""
        env = Environment()
        read = cls(env.parsed("FINGERPRINT_KEY", str.encode, wanted="a long random text, the same for ever"))
        env.check()
        return read


def _parse_keys(text: str) -> list[Fernet]:
    return [Fernet(key.strip()) for key in text.split(",")]


def _each_key() -> list[Fernet]:
    return EncryptionSettings.of_environment().keys


@cache
def _keys() -> MultiFernet:
    return MultiFernet(_each_key())


@cache
def _fingerprint_key() -> bytes:
    return FingerprintSettings.of_environment().key


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


def encrypted_tables(service: str) -> Iterator[Table]:
    """Yield the tables of a service that have encrypted columns, after importing every `model` of the service and nothing else."""
    bases = {base for name in _models(service) if (base := getattr(import_module(name), "Base", None))}
    tables = [table for base in bases for table in base.metadata.sorted_tables]
    yield from (table for table in tables if encrypted_columns(table))


def _models(service: str) -> Iterator[str]:
    for folder in map(Path, import_module(service).__path__):
        for path in sorted((*folder.rglob("model.py"), *folder.rglob("model/__init__.py"))):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((service, *(part for part in parts if part != "__init__")))


def encrypted_columns(table: Table) -> list[Column[Any]]:
    """Return the encrypted columns of a table."""
    return [column for column in table.columns if isinstance(column.type, Encrypted | EncryptedBytes)]
