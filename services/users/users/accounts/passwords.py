"""Passwords: refusing weak ones, hashing, and comparing in the same time with or without an account."""

import os
import secrets
import threading
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from users.problems import weak_password

CORES = len(os.sched_getaffinity(0))

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A hash takes a whole core and 19 MiB: more of them at once than cores would slow down all.
_cores = threading.BoundedSemaphore(CORES)
_STAND_IN = _hasher.hash(secrets.token_hex(32))
_COMMON = frozenset(files("users.accounts").joinpath("common_passwords.txt").read_text("utf-8").split())
_RUNS = "01234567890123456789 98765432109876543210 abcdefghijklmnopqrstuvwxyz qwertyuiopasdfghjklzxcvbnm"


def require_strong(password: str, phone: str) -> None:
    """Raises `weak_password` for common ones, runs, repetitions of few characters, and those that contain the phone."""
    plain = password.lower()
    if len(set(plain)) < 3 or plain in _COMMON or plain in _RUNS or phone.removeprefix("+86") in plain:
        raise weak_password()


def hash_password(password: str) -> str:
    """Hash a password with argon2id. This waits for a core, then takes some 20 ms of it."""
    with _cores:
        return _hasher.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Compare a password with a stored hash; without a hash the answer is False after the same time."""
    with _cores:
        try:
            return _hasher.verify(stored or _STAND_IN, password) and stored is not None
        except VerifyMismatchError:
            return False
