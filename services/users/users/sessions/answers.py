"""Reading the client that a sign-in states, and its answer: tokens in the body, or cookies for pages."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Response, current_app, make_response, request
from marshmallow import fields

from chassis import problems
from chassis.data.database import now
from chassis.http import cookies
from chassis.http.fields import Code, Flag, Schema, Strict, Text
from chassis.problems import Problem
from users.problems import session_ended, session_revoked
from users.sessions.actions import Client, SignedIn
from users.sessions.devices import device_of
from users.sessions.model import SignIn
from users.sessions.tokens import SigningKeys, lifetime_until

REFRESH_COOKIE = "__Secure-duijie_refresh"
REFRESH_PATH = "/v1/sessions"
CLIENT_KEY = "[A-Za-z0-9_-]{20,100}"
IN_COOKIES = {204: "signed in; the tokens are in cookies (`Set-Cookie`)"}


class ClientIn(Strict):
    """The client that signs in: base of the body of every sign-in."""

    cookie = Flag(
        metadata={"description": "true for pages of a browser: the answer is 204, and the tokens are in cookies that scripts cannot read"},
    )
    client_key = Code(
        CLIENT_KEY,
        metadata={
            "description": "a random text that the client keeps and states at each renewal. Its tabs may then renew with any token of the"
            " session, and a token without the key ends the session. Not with `cookie`, which has one of its own"
        },
    )
    label = Text(50, metadata={"description": "a name for the list of sessions, such as that of the device"})


class RefreshTokenIn(Strict):
    """A refresh token; pages whose tokens are in cookies send `{}`."""

    refresh_token = Text(100)
    client_key = Code(CLIENT_KEY, metadata={"description": "the key stated when signing in"})


class SessionOut(Schema):
    """Tokens: `access_token` goes into `Authorization: Bearer …`; `refresh_token` serves the next renewal, within 30 days."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"enum": ["Bearer"]})
    expires_in = fields.Integer(required=True, metadata={"description": "seconds until the access token ends"})
    refresh_token = fields.String(required=True)


def take_client(stated: dict[str, Any]) -> Client:
    """Take the fields of `ClientIn` out of a body. Raises `foreign_origin` when a page of another site wants cookies."""
    key, label = stated.pop("client_key", None), stated.pop("label", None)
    by_cookie = stated.pop("cookie", False)
    if by_cookie:
        cookies.check_origin()
        key = secrets.token_urlsafe(24)
    return Client(key=key, device=device_of(request.headers.get("User-Agent", "")), label=label, by_cookie=by_cookie)


def answer_signed_in(outcome: SignedIn | Problem, client: Client) -> Response:
    """Answer a sign-in or a renewal. The cookies of a session that is over are deleted."""
    if isinstance(outcome, Problem):
        refused = problems.answer(outcome)
        is_over = isinstance(outcome, session_ended | session_revoked)
        return delete_cookies(refused) if client.by_cookie and is_over else refused
    token, seconds = _sign_token(outcome.account.id, outcome.account.kind, outcome.sign_in)
    said = {"Location": "/v1/me", "Cache-Control": "no-store"}
    if not client.by_cookie:
        tokens = {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "refresh_token": outcome.refresh_token}
        return make_response(tokens, 201, said)
    response = make_response("", 204, said)
    left = int((outcome.sign_in.expires_at - now()).total_seconds())
    _set_cookie(response, cookies.ACCESS_COOKIE, token, "/", seconds)
    _set_cookie(response, REFRESH_COOKIE, f"{outcome.refresh_token}.{client.key}", REFRESH_PATH, left)
    return response


def answer_token(account_id: UUID, kind: str, sign_in: SignIn, more: Mapping[str, Any]) -> Response:
    """Answer with another access token of the session and `more`; the token of a page goes into its cookie alone."""
    token, seconds = _sign_token(account_id, kind, sign_in)
    by_cookie = "Authorization" not in request.headers
    tokens = {} if by_cookie else {"access_token": token, "token_type": "Bearer", "expires_in": seconds}
    response = make_response(tokens | dict(more), 201, {"Cache-Control": "no-store"})
    if by_cookie:
        _set_cookie(response, cookies.ACCESS_COOKIE, token, "/", seconds)
    return response


def _sign_token(account_id: UUID, kind: str, sign_in: SignIn) -> tuple[str, int]:
    """Sign an access token of a session, with the time of its second factor (`mfa`) if one was given; return its seconds too."""
    keys: SigningKeys = current_app.extensions["keys"]
    seconds, given_at = lifetime_until(sign_in.ends_at), sign_in.second_factor_at
    more = {"mfa": int(given_at.timestamp())} if given_at else {}
    return keys.token(account_id, kind, sign_in.session_id, seconds, **more), seconds


def take_refresh_token(stated: Mapping[str, Any]) -> tuple[str, Client]:
    """Return a refresh token and its client, from the body or else from the cookie; "" without any. Raises `foreign_origin`."""
    if "refresh_token" in stated:
        return stated["refresh_token"], Client(key=stated.get("client_key"))
    cookies.check_origin()
    token, _, key = request.cookies.get(REFRESH_COOKIE, "").partition(".")
    return token, Client(key=key, by_cookie=True)


def delete_cookies(response: Response) -> Response:
    """Delete the cookies of a page."""
    _set_cookie(response, cookies.ACCESS_COOKIE, "", "/", 0)
    _set_cookie(response, REFRESH_COOKIE, "", REFRESH_PATH, 0)
    return response


def _set_cookie(response: Response, name: str, value: str, path: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, path=path, secure=True, httponly=True, samesite="Strict")
