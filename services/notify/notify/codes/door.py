"""The door of users: phone and code of one request, fetched when the code is sent."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import msgspec

from chassis.http.doors import DoorSettings

SECONDS = 2.0


class DoorError(Exception):
    """Users did not answer, or not as agreed. `reason` holds no personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, repr=False)
class Code:
    """A phone and the code to send to it. It stays in memory, and has no readable form for logs."""

    phone: str
    code: str


class Door:
    """The door of users, opened by the key that both know. Threads may share it."""

    def __init__(self, users_url: str, settings: DoorSettings, seconds: float = SECONDS) -> None:
        self._client = httpx.Client(base_url=users_url, headers=settings.header(), timeout=seconds, trust_env=False, follow_redirects=False)

    def fetch_code(self, code_id: UUID) -> Code | None:
        """Fetch phone and code; None when the code was used, replaced or has expired. Raises `DoorError`."""
        try:
            answer = self._client.get(f"/internal/codes/{code_id}")
        except httpx.HTTPError as error:
            raise DoorError(f"door.{type(error).__name__}") from None
        if answer.status_code in {404, 410}:
            return None
        if answer.status_code != 200:
            raise DoorError(f"door.{answer.status_code}")
        try:
            return msgspec.json.decode(answer.content, type=Code)
        except msgspec.MsgspecError:
            raise DoorError("door.unreadable") from None

    def close(self) -> None:
        self._client.close()
