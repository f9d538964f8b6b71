"""HTTP operations on sessions, and the public keys of their access tokens."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, request
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis import problems
from chassis.data.database import Database
from chassis.http.auth import ANYONE, SIGNED_IN, Caller
from chassis.http.cookies import ACCESS_COOKIE
from chassis.http.fields import Choice, Flag, NothingIn, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.rate_limits import caller_address
from chassis.http.routes import access
from chassis.problems import Problem, sign_in_needed
from users.accounts.queries import get_own_account
from users.codes.asking import asker
from users.fields import Password, Phone
from users.sessions import actions, queries
from users.sessions.answers import (
    IN_COOKIES,
    ClientIn,
    RefreshTokenIn,
    SessionOut,
    answer_signed_in,
    delete_cookies,
    take_client,
    take_refresh_token,
)
from users.sessions.devices import DEVICES
from users.sessions.model import SignIn
from users.sessions.tokens import SigningKeys
from users.throttling import actions as throttling

api = APIBlueprint("sessions", __name__)


class SignInIn(ClientIn):
    phone = Phone(required=True)
    password = Password(least=1, required=True)


class EndAllIn(Strict):
    keep_current = Flag(metadata={"description": "false ends the session of this request too; true unless stated"})


class OwnSessionOut(Schema):
    """One of the caller's sessions. No address and no place of it is stored."""

    id = fields.UUID(required=True)
    device = Choice(DEVICES, required=True)
    label = fields.String(required=True, allow_none=True)
    current = fields.Boolean(required=True, metadata={"description": "true for the session of this request"})
    started_at = fields.AwareDateTime(required=True)
    last_used_at = fields.AwareDateTime(required=True, metadata={"description": "its last renewal"})
    expires_at = fields.AwareDateTime(required=True, metadata={"description": "30 days after its last renewal, 90 after its start at most"})


class JwkOut(Schema):
    kty = fields.String(required=True)
    crv = fields.String(required=True)
    x = fields.String(required=True)
    y = fields.String(required=True)
    kid = fields.String(required=True)
    use = fields.String(required=True)
    alg = fields.String(required=True)


class JwksOut(Schema):
    keys = fields.List(fields.Nested(JwkOut), required=True)


@api.post("/sessions")
@access(who=ANYONE, x_view="own", idempotent=False, slow=True)
@api.input(SignInIn)
@api.output(SessionOut, 201)
@api.doc(responses=IN_COOKIES)
def sign_in(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Sign in by phone and password. After five wrong ones from one address, each further one waits longer (429); codes never wait.

    An account that never proved its phone is answered 403 `proof_needed`; a code is sent, and its `code_id` goes on at
    `/v1/sessions/codes/{code_id}/proof`.
    """
    client = take_client(json_data)
    database: Database = current_app.extensions["database"]
    with database.begin() as counting:
        attempt = throttling.begin_attempt(counting, json_data["phone"], caller_address())
    if isinstance(attempt, Problem):
        return problems.answer(attempt)
    return answer_signed_in(actions.sign_in(session, attempt, asker(), **json_data, client=client), client)


@api.post("/sessions/refresh")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(RefreshTokenIn)
@api.output(SessionOut, 201)
@api.doc(responses=IN_COOKIES)
def refresh_session(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Get new tokens. A repeat within a minute gives the same refresh token; a stolen token ends the session."""
    token, client = take_refresh_token(json_data)
    return answer_signed_in(actions.renew_session(session, token, client.key), client)


@api.post("/sessions/end")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(RefreshTokenIn)
@api.output({}, 204)
def end_session(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Sign out. Streams end within seconds. Access tokens of staff end at once, those of others when they expire."""
    token, client = take_refresh_token(json_data)
    actions.end_session(session, token)
    return delete_cookies(Response(status=204)) if client.by_cookie else ""


@api.get("/sessions")
@access(who=SIGNED_IN, x_view="own")
@api.input(PageIn, location="query")
@api.output(page_of(OwnSessionOut))
def list_sessions(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List one's own sessions that have not ended, newest first."""
    found = queries.list_own_sessions(session, caller, **query_data)
    return found | {"items": [_own_session_out(one, caller) for one in found["items"]]}


@api.post("/sessions/<uuid:session_id>/end")
@access(who=SIGNED_IN, x_view="own", idempotent=False, second_factor=False)
@api.input(NothingIn)
@api.output({}, 204)
def end_listed_session(session: Session, caller: Caller, session_id: UUID, json_data: dict[str, Any]) -> Any:
    """End one of one's own sessions."""
    actions.end_own_session(session, caller, session_id)
    return _answer_ended(session_id == caller.session_id)


@api.post("/sessions/end-all")
@access(who=SIGNED_IN, x_view="own", idempotent=False, second_factor=False)
@api.input(EndAllIn)
@api.output({}, 204)
def end_all_sessions(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """End all of one's own sessions, except that of this request unless `keep_current` is false."""
    keeps = json_data.get("keep_current", True)
    if keeps and caller.session_id is None:
        # A token of the release before does not tell which session is to be kept; the next one does.
        raise sign_in_needed()
    kept = caller.session_id if keeps else None
    actions.end_all_sessions(session, get_own_account(session, caller), "ended", keep=kept)
    return _answer_ended(kept is None)


@api.get("/jwks")
@access(who=ANYONE, x_view="public")
@api.output(JwksOut)
def list_public_keys(session: Session, caller: Caller | None) -> Any:
    """List the public keys of all access tokens that are valid now (RFC 7517)."""
    keys: SigningKeys = current_app.extensions["keys"]
    return keys.public_jwks(), 200, {"Cache-Control": "public, max-age=300"}


def _own_session_out(one: SignIn, caller: Caller) -> dict[str, Any]:
    shown = {"id": one.session_id, "device": one.device, "label": one.label, "current": one.session_id == caller.session_id}
    return shown | {"started_at": one.started_at, "last_used_at": one.refreshed_at, "expires_at": one.expires_at}


def _answer_ended(is_current: bool) -> Response:
    """Answer 204, and delete the cookies when the session in them ended."""
    response = Response(status=204)
    return delete_cookies(response) if is_current and ACCESS_COOKIE in request.cookies else response
