"""Passwords: refusing weak ones, hashing, and comparing in the same time with or without an account."""

import os
import secrets
import threading
from collections.abc import Iterable
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from zxcvbn import zxcvbn

from users.problems import weak_password

LEAST, MOST = 8, 128
LEAST_OF_STAFF = 12
JUDGED = 32
"""Characters that are judged, from the beginning. A longer password is at least as strong, and judging it may take half a minute."""
MOST_SIGNS = 3
_SIGNS = "@({[<!|$+%"
"""Signs that stand for letters. The judge tries all their combinations, so it is shown three kinds and placeholders for the others."""
LEAST_SCORE = 2
CORES = len(os.sched_getaffinity(0))

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A hash takes a whole core and 19 MiB: more of them at once than cores would slow down all.
_cores = threading.BoundedSemaphore(CORES)
_STAND_IN = _hasher.hash(secrets.token_hex(32))
_COMMON = frozenset(files("users.accounts").joinpath("common_passwords.txt").read_text("utf-8").split())
# The library keeps the words about a person in a table that all its callers share.
_judging = threading.Lock()


def require_strong(password: str, phone: str, name: str = "", region: str = "", is_staff: bool = False) -> None:
    """Raises `weak_password` for one that is easy to guess by zxcvbn's lists, by ours, or from what the person entered.

    Staff, who may be appointed, need twelve characters. `phone` is E.164.
    """
    plain, number, least = password.lower(), phone.removeprefix("+86"), LEAST_OF_STAFF if is_staff else LEAST
    known = (name, *name.split(), number, number[-8:], number[-4:], region, *_COMMON)
    if len(password) < least or plain in _COMMON or number in plain or _score(plain, known) < LEAST_SCORE:
        raise weak_password(least=least)


def _score(password: str, known: Iterable[str]) -> int:
    """Return zxcvbn's score of the first characters, from 0 (guessed at once) to 4."""
    judged = password[:JUDGED]
    signs = [sign for sign in dict.fromkeys(judged) if sign in _SIGNS]
    judged = judged.translate({ord(sign): 0xE000 + place for place, sign in enumerate(signs[MOST_SIGNS:])})
    with _judging:
        return int(zxcvbn(judged, user_inputs=[word for word in known if word])["score"])


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
