"""A key for each person, wrapped by a key-encryption key, in a database of their own: erasing the key erases the person."""

import base64
import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from operator import attrgetter
from threading import Lock
from typing import Any, cast
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ARRAY, CursorResult, Uuid, bindparam, text

from chassis.data.bulk_sql import encode_array
from chassis.data.database import Database
from chassis.environment import Environment

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
AT_ONCE = 1000
MOST_CACHED, CACHED_SECONDS = 20_000, 30.0
NOBODY = UUID(int=0)
"""The id before that of all people."""

_PEOPLE = bindparam("people", type_=ARRAY(Uuid))
# The wrapped keys come as one value: a driver takes longer for an array of them than the database for the rows.
_CREATE = text(
    "INSERT INTO person_keys (person_id, wrapped, kek_id)"
    f" SELECT person, substr(CAST(:wrapped AS bytea), CAST(place - 1 AS integer) * {WRAPPED_BYTES} + 1, {WRAPPED_BYTES}), :kek_id"
    " FROM unnest(CAST(:people AS uuid[])) WITH ORDINALITY AS new (person, place) ORDER BY person ON CONFLICT DO NOTHING"
)
_FIND = text("SELECT person_id, wrapped, kek_id FROM person_keys WHERE person_id = ANY (CAST(:people AS uuid[]))")
# The row stays without its key: nobody makes another one, and a database restored from a backup learns whom to erase again.
_ERASE = text(
    "INSERT INTO person_keys (person_id, erased_at) SELECT person, now() FROM unnest(:people) AS gone (person) ORDER BY person"
    " ON CONFLICT (person_id) DO UPDATE SET wrapped = NULL, kek_id = NULL, erased_at = coalesce(person_keys.erased_at, now())"
).bindparams(_PEOPLE)
_DELETE = text("DELETE FROM person_keys WHERE person_id = ANY (:people)").bindparams(_PEOPLE)
_LIST_ERASED = text("SELECT person_id FROM person_keys WHERE erased_at IS NOT NULL AND person_id > :after ORDER BY person_id LIMIT :limit")
_FIND_OLD = text(
    "SELECT person_id, wrapped, kek_id FROM person_keys WHERE kek_id <> :newest ORDER BY person_id LIMIT :limit FOR UPDATE SKIP LOCKED"
)
_REWRAP = text("UPDATE person_keys SET wrapped = :wrapped, kek_id = :kek_id WHERE person_id = :person")
_COUNT_OLD = text("SELECT count(*) FROM person_keys WHERE kek_id <> :newest")


class PersonErased(Exception):
    """Nothing more is written about somebody whose key was erased."""


class KeyMissing(Exception):
    """The database of personal keys lacks a key that a value needs, or no key-encryption key unwraps it."""


@dataclass(frozen=True)
class KeyEncryptionKey:
    """A key that wraps the keys of people. Its id is a hash of it."""

    key: bytes

    @property
    def id(self) -> bytes:
        """Eight bytes that name the key in `person_keys` and reveal nothing of it."""
        return hashlib.sha256(b"key-encryption key" + self.key).digest()[:8]

    def wrap(self, person: UUID, key: bytes) -> bytes:
        """Encrypt the key of a person, bound to the person."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, person.bytes)

    def unwrap(self, person: UUID, wrapped: bytes) -> bytes:
        """Decrypt the key of a person. Raises `InvalidTag` for the key of another person."""
        return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], person.bytes)

    @cached_property
    def _cipher(self) -> AESGCM:
        """The cipher of the key; making one takes longer than using it."""
        return AESGCM(self.key)


@dataclass(frozen=True)
class KeyEncryptionSettings:
    """`KEY_ENCRYPTION_KEYS`: the keys that wrap the keys of people, the newest first."""

    keys: list[KeyEncryptionKey]

    @classmethod
    def of_environment(cls) -> "KeyEncryptionSettings":
        """Read the keys. Raises `SettingsError` when they are missing, or one is not 32 bytes in base64."""
        env = Environment()
        wanted = "keys of 32 bytes in URL-safe base64, separated by commas, the newest first"
        read = cls(env.parsed("KEY_ENCRYPTION_KEYS", _parse_keys, wanted=wanted))
        env.check()
        return read


@dataclass(frozen=True)
class KeysDatabaseSettings:
    """`<SERVICE>_KEYS_DATABASE_URL`: the address of the database of personal keys, which no dump of the service's own contains."""

    database_url: str

    @classmethod
    def of(cls, service: str) -> "KeysDatabaseSettings":
        """Read the address. Raises `SettingsError` when it is missing or wrong."""
        env = Environment()
        read = cls(env.database_address(f"{service.upper()}_KEYS_DATABASE_URL"))
        env.check()
        return read


def _parse_keys(text: str) -> list[KeyEncryptionKey]:
    keys = [base64.urlsafe_b64decode(key.strip()) for key in text.split(",")]
    if any(len(key) != KEY_BYTES for key in keys):
        raise ValueError("a key has not 32 bytes")
    return [KeyEncryptionKey(key) for key in keys]


class PersonalKeys:
    """The keys of people, by the ids of accounts, households and others whose data a service keeps."""

    def __init__(self, database: Database, wrapping: list[KeyEncryptionKey]) -> None:
        """`wrapping` lists the key-encryption keys, the newest first."""
        self.database = database
        self._newest = wrapping[0]
        self._wrapping = {one.id: one for one in wrapping}
        self._cached = _Cache()

    def fetch(self, people: Collection[UUID]) -> dict[UUID, bytes | None]:
        """Return the keys of people as far as there are any, None for an erased one; fetch a thousand in a query."""
        found = self._cached.find(people)
        for some in _in_parts(set(people) - found.keys()):
            with self.database.begin() as session:
                rows = session.execute(_FIND, {"people": encode_array(some)}).all()
            fetched = {row.person_id: self._unwrap(row.person_id, row.wrapped, row.kek_id) for row in rows}
            self._cached.store(fetched)
            found |= fetched
        return found

    def find(self, person: UUID, beside: Callable[[], Collection[UUID]] = tuple) -> bytes | None:
        """Return the key of a person, None if it was erased. Raises `KeyMissing` when there never was one.

        `beside` names people whose keys are fetched in the same query, if a query is needed.
        """
        found = self._cached.find([person]) or self.fetch({person, *beside()})
        if person not in found:
            raise KeyMissing(f"the database of personal keys has none of {person}")
        return found[person]

    def ensure(self, person: UUID) -> bytes:
        """Return the key of a person, and make it if it is missing. Raises `PersonErased`."""
        found = self._cached.find([person]) or self.make([person])
        if (key := found[person]) is None:
            raise PersonErased(f"{person} was erased")
        return key

    def make(self, people: Collection[UUID]) -> dict[UUID, bytes | None]:
        """Make and commit the keys that are missing, and return all; an erased one is not made again."""
        found = self._cached.find(people)
        for some in _in_parts(set(people) - found.keys()):
            keys = {person: os.urandom(KEY_BYTES) for person in some}
            wrapped = b"".join(self._newest.wrap(person, key) for person, key in keys.items())
            with self.database.begin() as session:
                stated = {"people": encode_array(some), "wrapped": wrapped, "kek_id": self._newest.id}
                made = cast("CursorResult[Any]", session.execute(_CREATE, stated)).rowcount
            if made == len(some):
                self._cached.store(keys)
                found |= keys
            else:
                # Some had a key already, or were erased.
                found |= self.fetch(some)
        return found

    def erase(self, people: Collection[UUID]) -> None:
        """Erase the keys of people for good. Other processes keep a key for 30 seconds at most."""
        for some in _in_parts(people):
            with self.database.begin() as session:
                session.execute(_ERASE, {"people": some})
        self._cached.forget(people)

    def delete(self, people: Collection[UUID]) -> None:
        """Delete keys that belong to nobody, and the note that they were erased."""
        for some in _in_parts(people):
            with self.database.begin() as session:
                session.execute(_DELETE, {"people": some})
        self._cached.forget(people)

    def list_erased(self, after: UUID, limit: int) -> list[UUID]:
        """List people whose key was erased, ordered by id."""
        with self.database.begin() as session:
            return list(session.scalars(_LIST_ERASED, {"after": after, "limit": limit}))

    def rewrap(self) -> int:
        """Wrap all keys by the newest key-encryption key, in batches; return how many an older one wrapped."""
        changed = 0
        while True:
            with self.database.begin() as session:
                rows = session.execute(_FIND_OLD, {"newest": self._newest.id, "limit": AT_ONCE}).all()
                for row in rows:
                    wrapped = self._newest.wrap(row.person_id, self._unwrap(row.person_id, row.wrapped, row.kek_id) or b"")
                    session.execute(_REWRAP, {"wrapped": wrapped, "kek_id": self._newest.id, "person": row.person_id})
                changed += len(rows)
                if not rows and not session.scalar(_COUNT_OLD, {"newest": self._newest.id}):
                    return changed
            if not rows:
                time.sleep(0.2)

    def _unwrap(self, person: UUID, wrapped: bytes | None, kek_id: bytes | None) -> bytes | None:
        if wrapped is None or kek_id is None:
            return None
        if (wrapping := self._wrapping.get(bytes(kek_id))) is None:
            raise KeyMissing(f"KEY_ENCRYPTION_KEYS lacks the key that wraps the key of {person}")
        return wrapping.unwrap(person, bytes(wrapped))


class _Cache:
    """Keys for half a minute, at most 20,000, so that an erasure ends soon in every process."""

    def __init__(self) -> None:
        self._kept: dict[UUID, tuple[float, bytes | None]] = {}
        self._lock = Lock()

    def find(self, people: Iterable[UUID]) -> dict[UUID, bytes | None]:
        since = time.monotonic() - CACHED_SECONDS
        return {person: kept[1] for person in people if (kept := self._kept.get(person)) and kept[0] > since}

    def store(self, keys: Mapping[UUID, bytes | None]) -> None:
        at = time.monotonic()
        with self._lock:
            for person, key in keys.items():
                self._kept.pop(person, None)
                self._kept[person] = (at, key)
            while len(self._kept) > MOST_CACHED:
                # The oldest stands first.
                del self._kept[next(iter(self._kept))]

    def forget(self, people: Iterable[UUID]) -> None:
        with self._lock:
            for person in people:
                self._kept.pop(person, None)


def _in_parts(people: Collection[UUID]) -> Iterable[list[UUID]]:
    listed = sorted(people, key=attrgetter("int"))
    return (listed[at : at + AT_ONCE] for at in range(0, len(listed), AT_ONCE))


@cache
def personal_keys(service: str) -> PersonalKeys:
    """Return the keys of the people of a service. Raises `SettingsError` when their address or the key-encryption keys are missing."""
    url = KeysDatabaseSettings.of(service).database_url
    database = Database(url, name=f"{service}-keys", pool_size=4, pool_wait_seconds=5, statement_timeout_ms=5_000)
    return PersonalKeys(database, KeyEncryptionSettings.of_environment().keys)
