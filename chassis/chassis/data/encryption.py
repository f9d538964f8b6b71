"""Encrypted columns for personal data, each value bound to its row, and keyed fingerprints to find equal values."""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, Dialect, LargeBinary, Row, Table, TypeDecorator, event, false, func, literal_column, or_, type_coerce, update
from sqlalchemy.orm import Mapper, PassiveFlag, Session, class_mapper, object_session
from sqlalchemy.orm.attributes import InstrumentedAttribute, get_history, set_committed_value

from chassis.data.personal_keys import NONCE_BYTES, PersonErased, personal_keys
from chassis.environment import Environment

OF_SERVICE, OF_PERSON = b"\x01", b"\x02"
"""The first byte of a value: encrypted with a key of the service, or of a person. Values of before, in base64, begin with another one."""
_AS_LOADED = PassiveFlag.PASSIVE_NO_INITIALIZE
_ID_BYTES = {OF_SERVICE: 8, OF_PERSON: 16}


@dataclass(frozen=True)
class SealKey:
    """One of `SEAL_KEYS`, a Fernet key. A key derived from it encrypts values; itself it reads those of before."""

    fernet: Fernet
    id: bytes
    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, written: str) -> "SealKey":
        """Parse a Fernet key. Raises `ValueError`."""
        derived = HKDF(SHA256(), 40, None, b"duijie encrypted columns").derive(base64.urlsafe_b64decode(written))
        return cls(Fernet(written), derived[:8], derived[8:])


@dataclass(frozen=True)
class EncryptionSettings:
    """`SEAL_KEYS`: the keys of encrypted columns, the newest first.

    `SEAL_AS_BEFORE=1`, while processes of the release before run: values are written so that those can read them.
    """

    keys: list[SealKey]
    as_before: bool

    @cached_property
    def by_id(self) -> dict[bytes, SealKey]:
        """The keys by their ids."""
        return {one.id: one for one in self.keys}

    @cached_property
    def before(self) -> MultiFernet:
        """The keys as the releases before used them."""
        return MultiFernet([one.fernet for one in self.keys])

    @classmethod
    def of_environment(cls) -> "EncryptionSettings":
        """Read the keys. Raises `SettingsError` when they are missing, or one is no Fernet key."""
        env = Environment()
        read = cls(
            env.parsed("SEAL_KEYS", _parse_keys, wanted="Fernet keys separated by commas, the newest first"),
            env.whole("SEAL_AS_BEFORE", 0, 0, 1) == 1,
        )
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


def _parse_keys(text: str) -> list[SealKey]:
    return [SealKey.parse(key.strip()) for key in text.split(",")]


@cache
def _settings() -> EncryptionSettings:
    return EncryptionSettings.of_environment()


def newest_header() -> bytes:
    """Return the first bytes of values that the newest key of the service encrypts."""
    return OF_SERVICE + _settings().keys[0].id


@cache
def _fingerprint_key() -> bytes:
    return FingerprintSettings.of_environment().key


class Ciphertext(bytes):
    """An encrypted value, as its column holds it."""


class Encrypted(TypeDecorator[Any]):
    """A text column that is encrypted with AES-256-GCM and bound to its table, column and row: moved elsewhere, it cannot be read.

    Read and write it as an attribute of a mapped row. Its key is one of `SEAL_KEYS`, or that of the person whose id is in the attribute
    that the class names as `__person__`; after the erasure of that person it reads as an empty text. It cannot be searched: store a
    fingerprint beside it. Reading raises `InvalidToken` when no key decrypts the value.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        """Pass a value that the flush of its row has encrypted. Raises `TypeError` for any other."""
        if value is not None and not isinstance(value, Ciphertext):
            raise TypeError("an encrypted column is written through its mapped row alone")
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> Ciphertext | None:
        """Mark a value as encrypted; the attribute of the row decrypts it when it is read."""
        return None if value is None else Ciphertext(value)

    @staticmethod
    def encode(plain: Any) -> bytes:
        """Return the bytes to encrypt."""
        encoded: bytes = plain.encode()
        return encoded

    @staticmethod
    def decode(plain: bytes) -> Any:
        """Return the value of decrypted bytes."""
        return plain.decode()


class EncryptedBytes(Encrypted):
    """A column of encrypted bytes, a photo for instance; otherwise as `Encrypted`."""

    cache_ok = True

    @staticmethod
    def encode(plain: Any) -> bytes:
        """Return the bytes to encrypt."""
        return bytes(plain)

    @staticmethod
    def decode(plain: bytes) -> Any:
        """Return the decrypted bytes."""
        return plain


Encryptor = Callable[[bytes, bytes], Ciphertext]
"""Encrypts a value for a place: `encrypt(place, plain)`."""


def _encryptor_of(header: bytes, key: bytes) -> Encryptor:
    cipher = AESGCM(key)

    def encrypt(place: bytes, plain: bytes) -> Ciphertext:
        nonce = os.urandom(NONCE_BYTES)
        return Ciphertext(header + nonce + cipher.encrypt(nonce, plain, header + place))

    return encrypt


class EncryptedModel:
    """The encrypted columns of a mapped class: which key encrypts them, and what each value is bound to."""

    def __init__(self, mapper: Mapper[Any]) -> None:
        self.entity: Any = mapper.class_
        self.service = mapper.class_.__module__.partition(".")[0]
        self.person: str | None = getattr(mapper.class_, "__person__", None)
        self.table = cast("Table", mapper.local_table)
        self.columns: dict[str, Column[Any]] = {key: column for key, column in mapper.columns.items() if isinstance(column.type, Encrypted)}
        self.keys = {mapper.get_property_by_column(column).key: column for column in mapper.primary_key}
        self.person_column: Any = mapper.columns[self.person] if self.person else None

    def place(self, column: Column[Any], ids: Iterable[Any]) -> bytes:
        """Name the place that a value is bound to."""
        return f"{self.table.name}.{column.name}/{'/'.join(map(str, ids))}".encode()

    def encrypt(self, column: Column[Any], ids: Iterable[Any], person: UUID | None, plain: bytes) -> Ciphertext:
        """Encrypt a value for its place, with the key of the person, or the newest of the service. Raises `PersonErased`."""
        return self._encryptor(person)(self.place(column, ids), plain)

    def _encryptor(self, person: UUID | None, keys: Mapping[UUID, bytes | None] | None = None) -> Encryptor:
        """Return what encrypts the values of one person, or of the service. `keys` are those known already. Raises `PersonErased`."""
        if _settings().as_before:
            before = _settings().before
            return lambda _, plain: Ciphertext(before.encrypt(plain))
        if person is None:
            return _encryptor_of(newest_header(), _settings().keys[0].key)
        key = keys[person] if keys and person in keys else personal_keys(self.service).ensure(person)
        if key is None:
            raise PersonErased(f"{person} was erased")
        return _encryptor_of(OF_PERSON + person.bytes, key)

    def decrypt(
        self, column: Column[Any], ids: Iterable[Any], value: bytes, beside: Callable[[], Collection[UUID]] = tuple
    ) -> bytes | None:
        """Decrypt a value of a place; None for that of an erased person. Raises `InvalidToken` for one of another place or key.

        `beside` names people whose keys will be needed next.
        """
        if not value:
            return None
        if (version := value[:1]) not in _ID_BYTES:
            return _settings().before.decrypt(value)
        header, rest = value[: 1 + _ID_BYTES[version]], value[1 + _ID_BYTES[version] :]
        if version == OF_PERSON:
            key = personal_keys(self.service).find(UUID(bytes=header[1:]), beside)
        elif found := _settings().by_id.get(header[1:]):
            key = found.key
        else:
            raise InvalidToken
        if key is None:
            return None
        try:
            return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], header + self.place(column, ids))
        except InvalidTag:
            raise InvalidToken from None

    def person_of(self, row: Any) -> UUID | None:
        """Return whose key encrypts the row; None if the key of the service does. Raises `TypeError` when the row names nobody."""
        if self.person is None:
            return None
        person = getattr(row, self.person)
        if not isinstance(person, UUID):
            raise TypeError(f"{type(row).__name__}.{self.person} names nobody whose key encrypts the row")
        return person

    def name(self, row: Any) -> None:
        """Give a new row its id, which its values are bound to."""
        for key, column in self.keys.items():
            if getattr(row, key) is None and column.default is not None and column.default.is_callable:
                setattr(row, key, column.default.arg(None))

    def encrypt_row(self, row: Any) -> None:
        """Encrypt the changed values of a row that is about to be written."""
        plain = {key: value for key in self.columns if (value := vars(row).get(key)) is not None and not isinstance(value, Ciphertext)}
        changed = {key: value for key, value in plain.items() if get_history(row, key, _AS_LOADED).has_changes()}
        if not changed:
            return
        encrypt, ids = self._encryptor(self.person_of(row)), [getattr(row, key) for key in self.keys]
        for key, value in changed.items():
            column: Any = self.columns[key]
            setattr(row, key, encrypt(self.place(column, ids), column.type.encode(value)))

    def encrypt_new(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
        """Encrypt the values of new rows, given by attribute with their ids; the keys of their people are made first, all at once."""
        filled = [any(row[key] is not None for key in self.columns) for row in rows]
        people = {row[self.person] for row, is_filled in zip(rows, filled, strict=True) if is_filled} if self.person else set()
        keys = personal_keys(self.service).make(people) if people else {}
        columns = [(key, self.place(column, ()), cast("Encrypted", column.type).encode) for key, column in self.columns.items()]
        return (self._encrypt_new(row, columns, keys) if is_filled else row for row, is_filled in zip(rows, filled, strict=True))

    def _encrypt_new(
        self, row: Mapping[str, Any], columns: Sequence[tuple[str, bytes, Callable[[Any], bytes]]], keys: Mapping[UUID, bytes | None]
    ) -> Mapping[str, Any]:
        encrypt = self._encryptor(row[self.person] if self.person else None, keys)
        ids = "/".join(str(row[key]) for key in self.keys).encode()
        values = {key: encrypt(place + ids, encode(value)) for key, place, encode in columns if (value := row[key]) is not None}
        return {**row, **values}


_models: dict[type, EncryptedModel] = {}


class _EncryptedAttribute:
    """An attribute of a mapped class in front of its column: it decrypts a value when it is first read."""

    def __init__(self, attribute: InstrumentedAttribute[Any], model: EncryptedModel) -> None:
        self._attribute = attribute
        self._model = model

    def __get__(self, row: Any, owner: Any = None) -> Any:
        value = self._attribute.__get__(row, owner)
        if row is None or not isinstance(value, Ciphertext):
            return value
        key = self._attribute.key
        column: Any = self._model.columns[key]
        plain = self._model.decrypt(column, [getattr(row, name) for name in self._model.keys], value, partial(_people_beside, row))
        opened = column.type.decode(plain or b"")
        set_committed_value(row, key, opened)
        return opened

    def __set__(self, row: Any, value: Any) -> None:
        self._attribute.__set__(row, value)

    def __delete__(self, row: Any) -> None:
        self._attribute.__delete__(row)


def _people_beside(row: Any) -> set[UUID]:
    """Name the people of all rows of the session, so that a list fetches their keys in one query."""
    session = object_session(row)
    values = (value for one in (session.identity_map.values() if session else ()) if type(one) in _models for value in vars(one).values())
    return {UUID(bytes=value[1:17]) for value in values if isinstance(value, Ciphertext) and value[:1] == OF_PERSON}


@event.listens_for(Mapper, "mapper_configured")
def _guard_columns(mapper: Mapper[Any], cls: type) -> None:
    model = EncryptedModel(mapper)
    if not model.columns:
        return
    _models[cls] = model
    for key in model.columns:
        type.__setattr__(cls, key, _EncryptedAttribute(cls.__dict__[key], model))
    event.listen(mapper, "before_insert", _encrypt_new)
    event.listen(mapper, "before_update", _encrypt_changed)


def _encrypt_new(mapper: Mapper[Any], connection: Any, row: Any) -> None:
    model = _models[mapper.class_]
    model.name(row)
    model.encrypt_row(row)


def _encrypt_changed(mapper: Mapper[Any], connection: Any, row: Any) -> None:
    _models[mapper.class_].encrypt_row(row)


@event.listens_for(Session, "before_flush")
def _ensure_keys(session: Session, *_: Any) -> None:
    """Make the keys of all new people before their rows are written; a key without a row harms nobody."""
    people: dict[str, set[UUID]] = {}
    for row in session.new:
        if (model := _models.get(type(row))) and model.person:
            model.name(row)
            if person := getattr(row, model.person):
                people.setdefault(model.service, set()).add(person)
    for service, named in people.items():
        personal_keys(service).make(named)


def erase_values(session: Session, entity: type, *where: Any) -> None:
    """Empty the encrypted columns of all rows that fulfil the conditions. They read as None, or as an empty text if they need a value."""
    columns = {key: column for key, column in entity.__mapper__.columns.items() if isinstance(column.type, Encrypted)}  # type: ignore[attr-defined]
    empty = {key: None if column.nullable else Ciphertext() for key, column in columns.items()}
    session.execute(update(entity).where(*where).values(empty).execution_options(synchronize_session=False))


def plain_rows(entity: type, rows: Sequence[Row[Any]]) -> list[Any]:
    """Return selected rows of a mapped class as plain objects, their encrypted values decrypted; the ids must be among the columns.

    For lists that many ask for: an object of the session costs more than all the rest that is done for a row.
    """
    model = _model_of(class_mapper(entity))

    def people() -> set[UUID]:
        values = (getattr(row, key, None) for row in rows for key in model.columns)
        return {UUID(bytes=value[1:17]) for value in values if value and value[:1] == OF_PERSON}

    plain = [SimpleNamespace(**row._mapping) for row in rows]
    for row in plain:
        for key, column in model.columns.items():
            if (value := getattr(row, key, None)) is not None:
                opened = model.decrypt(column, [getattr(row, name) for name in model.keys], value, people)
                setattr(row, key, cast("Encrypted", column.type).decode(opened or b""))
    return plain


def open_values(entity: type, rows: Sequence[Any], names: Collection[str]) -> None:
    """Decrypt attributes of plain objects, which hold columns of a mapped class with its id as PostgreSQL writes them in JSON.

    For lists that many ask for: an object of the session costs more than all the rest that is done for a row. Values of erased people
    become empty texts.
    """
    model = _model_of(class_mapper(entity))
    # PostgreSQL writes bytes as `\\x` and hexadecimal digits.
    sealed = [(row, name, bytes.fromhex(written[2:])) for row in rows for name in names if (written := getattr(row, name)) is not None]

    def people() -> set[UUID]:
        return {UUID(bytes=value[1:17]) for _, _, value in sealed if value[:1] == OF_PERSON}

    for row, name, value in sealed:
        column = model.columns[name]
        opened = model.decrypt(column, [getattr(row, key) for key in model.keys], value, people)
        setattr(row, name, cast("Encrypted", column.type).decode(opened or b""))


@cache
def _model_of(mapper: Mapper[Any]) -> EncryptedModel:
    return EncryptedModel(mapper)


def holds_values(entity: type) -> Any:
    """Return the condition of rows of a mapped class with a value in any encrypted column, for emptying them in slices."""
    columns = [column for column in entity.__mapper__.columns if isinstance(column.type, Encrypted)]  # type: ignore[attr-defined]
    # Not a parameter, by which PostgreSQL would not recognise a partial index.
    return or_(false(), *(func.length(type_coerce(column, LargeBinary)) > literal_column("0") for column in columns))


def fingerprint(value: str | bytes) -> bytes:
    """Return 32 bytes that are equal for equal values and reveal nothing without `FINGERPRINT_KEY` (HMAC-SHA-256)."""
    return hmac.digest(_fingerprint_key(), value.encode() if isinstance(value, str) else value, hashlib.sha256)


def encrypted_models(service: str) -> Iterator[EncryptedModel]:
    """Yield the encrypted columns of each mapped class, after importing every `model` of the service and nothing else."""
    bases = {base for name in _model_modules(service) if (base := getattr(import_module(name), "Base", None))}
    mappers = [mapper for base in bases for mapper in base.registry.mappers]
    models = [EncryptedModel(mapper) for mapper in sorted(mappers, key=lambda one: one.local_table.name)]
    yield from (model for model in models if model.columns)


def _model_modules(service: str) -> Iterator[str]:
    for folder in map(Path, import_module(service).__path__):
        for path in sorted((*folder.rglob("model.py"), *folder.rglob("model/__init__.py"))):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((service, *(part for part in parts if part != "__init__")))


def keeps_personal_keys(service: str) -> bool:
    """Tell whether people of the service have keys of their own."""
    return any(model.person for model in encrypted_models(service))
