"""A client of the HTTP API: signs in, calls, renews its token, waits when told to."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import httpx
import pyotp

from deploy.services import owner_of

Origin = Callable[[str], str]
"""Maps a path to the address of the server that answers it."""
ReadCode = Callable[[str], str]
"""Reads the code of a request where it arrives."""


def telephones_at(address: str) -> ReadCode:
    """Read codes at the sandbox's telephone network. Raises `LookupError` when one does not arrive within half a minute."""

    def read_code(code_id: str) -> str:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            arrived = httpx.get(f"{address}/sandbox/telephones.json", params={"about": code_id}, timeout=5, trust_env=False).json()["items"]
            if arrived:
                return str(arrived[0]["code"])
            time.sleep(0.05)
        raise LookupError(code_id)

    return read_code


def one_origin(address: str) -> Origin:
    return lambda path: address


def by_service(addresses: Mapping[str, str]) -> Origin:
    """Map each path to the address of the service that owns it. Raises `LookupError` when no service does."""

    def address_of(path: str) -> str:
        bare = path.partition("?")[0]
        if (service := owner_of(bare)) is None:
            raise LookupError(path)
        return addresses[f"{service.name}-stream" if bare in service.streams else service.name]

    return address_of


def second_factor_code(secret: str, seconds_later: int = 0) -> str:
    """Return the code that an authenticator app shows for a secret, now or some seconds later."""
    return pyotp.TOTP(secret).at(int(time.time()) + seconds_later)


class RequestRefused(Exception):
    """The API answered with a problem."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        try:
            self.code: str = response.json().get("code", "")
        except ValueError:
            self.code = ""
        super().__init__(f"{response.request.method} {response.request.url}: {self.status} {response.text[:300]}")


class ApiClient:
    """One user of the API, a guest until `sign_in`.

    Several may share one `httpx.Client`; threads may share a signed-in one. After a 429 it waits as long as `Retry-After` says and
    repeats the request.
    """

    def __init__(self, origin: Origin, client: httpx.Client | None = None) -> None:
        self._origin = origin
        self._client = client or httpx.Client(timeout=30, trust_env=False)
        self._token: str | None = None
        self._refresh_token: str | None = None
        self._renewing = threading.Lock()

    @property
    def is_signed_in(self) -> bool:
        return self._token is not None

    @property
    def token(self) -> str:
        """The present access token, "" before signing in."""
        return self._token or ""

    def sign_in(self, phone: str, password: str) -> Self:
        self._take_tokens("/v1/sessions", {"phone": phone, "password": password})
        return self

    def set_up_second_factor(self) -> str:
        """Set up a second factor, give it in this sign-in, and return its secret."""
        secret: str = self.post("/v1/me/second-factor")["secret"]
        # The code before the present one counts too, and leaves the present one for whoever signs in next. When another half minute
        # begins under way, it is too old.
        try:
            tokens = self.post("/v1/me/second-factor/confirmation", {"code": second_factor_code(secret, -30)})
        except RequestRefused as refusal:
            if refusal.code != "wrong_code":
                raise
            tokens = self.post("/v1/me/second-factor/confirmation", {"code": second_factor_code(secret, -30)})
        self._token = tokens["access_token"]
        return secret

    def give_second_factor(self, secret: str) -> Self:
        """Give the present code of a second factor in this sign-in. Each code counts once."""
        self._token = self.post("/v1/sessions/second-factor", {"code": second_factor_code(secret)})["access_token"]
        return self

    def accept_second_factor(self, code: str) -> bool:
        """Give a code of a second factor; return whether it counted."""
        try:
            self._token = self.post("/v1/sessions/second-factor", {"code": code})["access_token"]
        except RequestRefused as refusal:
            if refusal.code not in {"wrong_code", "used_code"}:
                raise
            return False
        return True

    def register(self, read_code: ReadCode, **wanted: Any) -> Self:
        """Register and sign in by the code that proves the phone."""
        asked = self.post("/v1/registrations", wanted)
        self._take_tokens(f"/v1/registrations/{asked['id']}/proof", {"code": read_code(asked["id"])})
        return self

    def sign_in_by_code(self, read_code: ReadCode, phone: str) -> Self:
        """Sign in by a code that is sent to the phone."""
        asked = self.post("/v1/sessions/codes", {"phone": phone})
        self._take_tokens(f"/v1/sessions/codes/{asked['id']}/proof", {"code": read_code(asked["id"])})
        return self

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Any:
        return self.ask("POST", path, json=dict(body or {}), headers=headers)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Set a resource, whatever its version."""
        return self.ask("PUT", path, json=dict(body), headers={"If-Match": "*"})

    def patch(self, path: str, body: Mapping[str, Any], version: int) -> Any:
        """Change a resource last seen at `version`. Raises `RequestRefused` (412) when it has changed since."""
        return self.ask("PATCH", path, json=dict(body), headers={"If-Match": f'"{version}"'})

    def every(self, path: str, **query: Any) -> Iterator[Any]:
        """Yield all items of a list, page after page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **query, **cursor, limit=100)
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **request: Any) -> Any:
        """Return the answer's JSON; renew an expired access token first. Raises `RequestRefused` for every status from 400."""
        response = self._answer(method, path, headers, **request)
        return response.json() if response.content else None

    def file(self, path: str) -> bytes:
        """Return the file that a POST to the path prints. Raises `RequestRefused` as `ask` does."""
        return self._answer("POST", path, None, json={}).content

    def _answer(self, method: str, path: str, headers: Mapping[str, str] | None, **request: Any) -> httpx.Response:
        used = self._token
        response = self._send(method, path, headers, **request)
        if response.status_code == 401 and self._refresh_token:
            self._renew(used)
            response = self._send(method, path, headers, **request)
        while response.status_code == 429:
            time.sleep(int(response.headers["Retry-After"]))
            response = self._send(method, path, headers, **request)
        if response.status_code >= 400:
            raise RequestRefused(response)
        return response

    def _renew(self, used: str | None) -> None:
        """Renew the tokens unless another thread did: a refresh token works once."""
        with self._renewing:
            if self._token == used:
                self._take_tokens("/v1/sessions/refresh", {"refresh_token": str(self._refresh_token)})

    def _send(self, method: str, path: str, headers: Mapping[str, str] | None, **request: Any) -> httpx.Response:
        signed = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return self._client.request(method, self._origin(path) + path, headers=signed | dict(headers or {}), **request)

    def _take_tokens(self, path: str, body: Mapping[str, str]) -> None:
        response = self._client.post(self._origin(path) + path, json=body)
        if response.status_code >= 400:
            raise RequestRefused(response)
        tokens = response.json()
        self._token, self._refresh_token = tokens["access_token"], tokens["refresh_token"]
