"""Passwords: which are too easy to guess, how they are kept, and how one is compared without telling whether there was any."""

import os
import secrets
import threading
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from users.problems import weak_password

LEAST, MOST = 8, 128
CORES = len(os.sched_getaffinity(0))

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Hashing is all processor and 19 MiB a time: more at once than there are cores would only make everybody wait.
_turns = threading.BoundedSemaphore(CORES)
_STAND_IN = _hasher.hash(secrets.token_hex(32))
_COMMON = frozenset(files("users").joinpath("common_passwords.txt").read_text("utf-8").split())
_RUNS = "01234567890123456789 98765432109876543210 abcdefghijklmnopqrstuvwxyz qwertyuiopasdfghjklzxcvbnm"


def check(password: str, phone: str) -> None:
    """Raises `weak_password` for the commonest ones, a run or a repetition of few characters, and one that holds the phone."""
    plain = password.lower()
    if len(set(plain)) < 3 or plain in _COMMON or plain in _RUNS or phone.removeprefix("+86") in plain:
        raise weak_password()


def hashed(password: str) -> str:
    """What is kept of a password (argon2id); takes some 20 ms of one core, once it is its turn."""
    with _turns:
        return _hasher.hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password that was kept; takes the same time when none was."""
    with _turns:
        try:
            return _hasher.verify(kept or _STAND_IN, password) and kept is not None
        except VerifyMismatchError:
            return False
