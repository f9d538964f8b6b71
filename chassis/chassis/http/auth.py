"""Callers of requests: signed tokens say who they are, the service's own appointments which regions they manage."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Protocol
from uuid import UUID

import httpx
from flask import request
from joserfc import errors, jwt
from joserfc.jwk import KeySet
from sqlalchemy import Column, ColumnElement, String, Table, false, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from chassis.data.appointments import ADMINISTRATOR, AUDITOR, regions_of
from chassis.data.database import Database, Moment, below, tables
from chassis.data.ended_sessions import find_ended
from chassis.data.offices import read_offices
from chassis.data.tickets import make_ticket, redeem_ticket
from chassis.http import cookies
from chassis.problems import not_allowed, sign_in_needed, unavailable

log = logging.getLogger("chassis.auth")

ISSUER = AUDIENCE = "duijie"
ALGORITHM = "ES256"
View = Literal["public", "own", "region"]
ANYONE: frozenset[str] = frozenset()
HOUSEHOLD = frozenset({"household"})
STAFF = frozenset({"staff"})
SOCIETY = frozenset({"donor", "organisation", "merchant", "volunteer"})
GOVERNMENT = frozenset({"cadre", "work_unit"})
GIVERS = SOCIETY | GOVERNMENT
SIGNED_IN = HOUSEHOLD | STAFF | GIVERS

VILLAGE_DIGITS = 12
MOST_VERIFIED, MOST_KEY_SETS = 10_000, 2
_RULES = jwt.JWTClaimsRegistry(
    leeway=5,
    iss={"essential": True, "value": ISSUER},
    # Tokens of the release before name no audience and no session. From 0.2.0 on, both are essential.
    aud={"value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
    kind={"essential": True},
)
_verified: dict[int, tuple[KeySet, dict[bytes, dict[str, Any]]]] = {}
"""Claims of verified tokens by their digests, for the key sets in use."""

public_keys = Table(
    "public_keys",
    tables,
    Column("source", String(500), primary_key=True),
    Column("jwks", JSONB, nullable=False),
    Column("fetched_at", Moment, nullable=False, server_default=func.now()),
)


@dataclass(frozen=True)
class Caller:
    """A signed-in user. `kind` is one of `SIGNED_IN`; `session` is the database session of the request, `session_id` the user's own."""

    id: UUID
    kind: str
    session: Session
    session_id: UUID | None = None
    gave_second_factor: bool = False
    """Whether a code of a second factor was given in this session."""
    token_ends_at: int | None = None
    """The end of the access token, in seconds since 1970."""

    @property
    def needs_second_factor(self) -> bool:
        """Tell whether acts of the caller wait for a second factor: they administer a region wider than a village."""
        return not self.gave_second_factor and any(len(region) < VILLAGE_DIGITS for region in self.regions)

    @cached_property
    def regions(self) -> list[str]:
        """The division codes that the caller manages now, read once in a request; empty for anyone but staff."""
        return regions_of(self.session, self.id) if self.kind in STAFF else []

    @cached_property
    def audited_regions(self) -> list[str]:
        """The division codes that the caller audits now, read once in a request; empty for anyone but auditors."""
        return regions_of(self.session, self.id, AUDITOR) if self.kind in STAFF else []

    def audits(self, region: str) -> bool:
        """Tell whether the caller audits this region or one around it."""
        return any(region.startswith(audited) for audited in self.audited_regions)

    def manages(self, region: str) -> bool:
        """Tell whether the caller manages this region or one around it."""
        return any(region.startswith(managed) for managed in self.regions)

    def reads(self, region: str) -> bool:
        """Tell whether the caller manages or audits this region or one around it, and so may read what its administrators read."""
        return self.manages(region) or self.audits(region)

    def within(self, column: Any) -> ColumnElement[bool]:
        """Return an SQL condition for reading: the row lies in a region that the caller manages or audits."""
        return or_(false(), *(below(column, region) for region in (*self.regions, *self.audited_regions)))

    def within_managed(self, column: Any) -> ColumnElement[bool]:
        """Return an SQL condition for acting: the row lies in a region that the caller manages."""
        return or_(false(), *(below(column, region) for region in self.regions))


class Keys(Protocol):
    """A source of the public keys that verify tokens."""

    def current(self) -> KeySet:
        """Return the keys, possibly some minutes old. Raises `unavailable` without any."""
        ...

    def renewed(self) -> KeySet:
        """Return newer keys if there are any. Raises `unavailable` without any."""
        ...


class FetchedKeys:
    """The public keys of users, fetched every ten seconds at most; the last good set is stored in the service's database."""

    def __init__(self, url: str, database: Database) -> None:
        self._url = url
        self._database = database
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._jwks: Any = None
        self._asked_at = 0.0

    def current(self) -> KeySet:
        """Return keys that are five minutes old at most. Raises `unavailable` when users was never reached."""
        return self._keys if self._keys is not None and time.monotonic() - self._asked_at < 300 else self.renewed()

    def renewed(self) -> KeySet:
        """Fetch the keys, unless that was done within ten seconds. Raises `unavailable` when users was never reached."""
        # With keys at hand, do not wait for newer ones: this process may serve them itself, with all its threads waiting here.
        if self._lock.acquire(blocking=self._keys is None):
            try:
                if self._keys is None or time.monotonic() - self._asked_at > 10:
                    self._asked_at = time.monotonic()
                    self._keys = self._fetched() or self._keys or self._kept()
            finally:
                self._lock.release()
        if self._keys is None:
            self._asked_at = 0.0
            raise unavailable(retry_after_seconds=2)
        return self._keys

    def _fetched(self) -> KeySet | None:
        try:
            jwks = httpx.get(self._url, timeout=2, trust_env=False).raise_for_status().json()
            keys = self._imported(jwks)
        except (httpx.HTTPError, ValueError, errors.JoseError) as error:
            log.warning("public keys could not be fetched", extra={"error": type(error).__name__})
            return None
        with self._database.begin() as session:
            row = insert(public_keys).values(source=self._url, jwks=jwks)
            session.execute(
                row.on_conflict_do_update(index_elements=["source"], set_={"jwks": row.excluded.jwks, "fetched_at": func.now()})
            )
        return keys

    def _kept(self) -> KeySet | None:
        with self._database.begin() as session:
            jwks = session.scalar(select(public_keys.c.jwks).where(public_keys.c.source == self._url))
        return self._imported(jwks) if jwks else None

    def _imported(self, jwks: Any) -> KeySet:
        """Import a key set; an unchanged one stays the same object, because verified tokens are cached by it."""
        if self._keys is None or jwks != self._jwks:
            keys = KeySet.import_key_set(jwks)
            self._jwks = jwks
            return keys
        return self._keys


def caller_of_request(keys: Keys, who: Collection[str], session: Callable[[], Session], takes_ticket: bool = False) -> Caller | None:
    """Return the caller of a route for the kinds `who`; None when anyone may call and there is no token.

    With `takes_ticket` the parameter `ticket` stands for a token, once.

    Raises `sign_in_needed` without a valid token, or when staff's session ended; `not_allowed` for another kind of user; `foreign_origin`
    for a write with the cookie of one of our pages, sent by a page of another site.
    """
    ticket = request.args.get("ticket") if takes_ticket and "Authorization" not in request.headers else None
    token = find_token() if ticket is None else None
    if not token and ticket is None:
        if not who:
            return None
        raise sign_in_needed()
    claims = _claims(keys, token) if token else redeem_ticket(session(), ticket or "")
    if claims is None:
        raise sign_in_needed()
    if who and claims["kind"] not in who:
        raise not_allowed()
    session_id = UUID(claims["sid"]) if "sid" in claims else None
    caller = Caller(UUID(claims["sub"]), claims["kind"], session(), session_id, "mfa" in claims, int(claims["exp"]))
    if caller.kind in STAFF:
        offices = read_offices(session(), caller.id, session_id)
        if offices is None:
            raise sign_in_needed()
        vars(caller).update(regions=offices.get(ADMINISTRATOR, []), audited_regions=offices.get(AUDITOR, []))
    return caller


def check_session(caller: Caller) -> None:
    """Raise `sign_in_needed` when the session of somebody who is not staff has ended. That of staff is looked up in each request.

    Only services that hold streams record the end of such sessions.
    """
    if caller.session_id and caller.kind not in STAFF and find_ended(caller.session, [caller.session_id]):
        raise sign_in_needed()


def ticket_of(caller: Caller) -> tuple[str, datetime]:
    """Make a ticket that stands for the caller's access token once; return it and the end of its time. Raises `sign_in_needed`."""
    check_session(caller)
    claims = {"sub": str(caller.id), "kind": caller.kind, "exp": caller.token_ends_at}
    claims |= {"sid": str(caller.session_id)} if caller.session_id else {}
    return make_ticket(caller.session, claims | ({"mfa": 1} if caller.gave_second_factor else {}))


def is_signed_in() -> bool:
    """Tell whether the request has a token, valid or not."""
    return bool(find_token())


def find_token() -> str | None:
    """Return the token of the `Authorization` header; without this header, that of the cookie."""
    if "Authorization" not in request.headers:
        return cookies.find_access_token()
    scheme, _, token = request.headers["Authorization"].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _claims(keys: Keys, token: str) -> dict[str, Any]:
    digest = hashlib.sha256(token.encode()).digest()
    for key_set in (keys.current, keys.renewed):
        try:
            known = _verified_by(signers := key_set())
            if claims := known.get(digest):
                _RULES.validate_exp(claims["exp"])
                return claims
            claims = jwt.decode(token, signers, algorithms=[ALGORITHM]).claims
            _RULES.validate(claims)
            UUID(claims["sub"])
            UUID(claims.get("sid", claims["sub"]))
            if claims["kind"] in SIGNED_IN:
                known[digest] = claims
                return claims
            break
        except (errors.InvalidKeyIdError, errors.MissingKeyError):
            continue
        except (errors.JoseError, ValueError, TypeError, AttributeError):
            break
    raise sign_in_needed()


def _verified_by(signers: KeySet) -> dict[bytes, dict[str, Any]]:
    if len(_verified) >= MOST_KEY_SETS and id(signers) not in _verified:
        _verified.clear()
    # The key set is kept beside its tokens: otherwise another set at the same memory address would inherit them.
    _, known = _verified.setdefault(id(signers), (signers, {}))
    if len(known) >= MOST_VERIFIED:
        known.clear()
    return known
