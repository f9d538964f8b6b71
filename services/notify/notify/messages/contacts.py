"""The door of users: addresses of recipients, and phone and code of one request, fetched when a message is sent and kept nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import httpx
import msgspec

from chassis.http.doors import DoorSettings

SECONDS = 2.0
PURPOSE = "notice"
T = TypeVar("T")


class DoorError(Exception):
    """Users did not answer, or not as agreed. `reason` holds no personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, repr=False)
class Code:
    """A code, its address, and the asker's language. It stays in memory, and has no readable form for logs."""

    code: str
    phone: str | None = None
    email: str | None = None
    language: str = "zh-CN"


@dataclass(frozen=True, repr=False)
class Contact:
    """The addresses of an account, a household or an institution. It stays in memory, and has no readable form for logs.

    `telephone` is a mobile in E.164. `whose` it is: `own`, `shared` with others of the house, or a `neighbour`'s.
    """

    id: UUID
    telephone: str | None = None
    whose: str | None = None
    email: str | None = None


@dataclass(frozen=True, repr=False)
class _Contacts:
    items: list[Contact]


class Door:
    """The door of users, opened by the key that both know. Threads may share it."""

    def __init__(self, users_url: str, settings: DoorSettings, seconds: float = SECONDS) -> None:
        self._client = httpx.Client(base_url=users_url, headers=settings.header(), timeout=seconds, trust_env=False, follow_redirects=False)

    def fetch_code(self, code_id: UUID) -> Code | None:
        """Fetch a code and its address; None when the code was used, replaced or has expired. Raises `DoorError`."""
        answer = self._ask("GET", f"/internal/codes/{code_id}")
        return None if answer.status_code in {404, 410} else _read(answer, Code)

    def fetch_contacts(self, recipients: Sequence[UUID]) -> Mapping[UUID, Contact]:
        """Fetch the addresses of recipients; one who is gone is left out. Raises `DoorError`."""
        body = {"purpose": PURPOSE, "ids": [str(one) for one in recipients]}
        found = _read(self._ask("POST", "/internal/contacts/look-ups", json=body), _Contacts)
        return {one.id: one for one in found.items}

    def _ask(self, method: str, path: str, **request: object) -> httpx.Response:
        try:
            return self._client.request(method, path, **request)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise DoorError(f"door.{type(error).__name__}") from None

    def close(self) -> None:
        self._client.close()


def _read(answer: httpx.Response, wanted: type[T]) -> T:
    if answer.status_code != 200:
        raise DoorError(f"door.{answer.status_code}")
    try:
        return msgspec.json.decode(answer.content, type=wanted)
    except msgspec.MsgspecError:
        raise DoorError("door.unreadable") from None
