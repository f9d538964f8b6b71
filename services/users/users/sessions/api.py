"""HTTP operations on sign-ins, and the public keys of their access tokens."""

from typing import Any

from apiflask import APIBlueprint
from flask import current_app
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis import problems
from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Schema, Strict, Text
from chassis.http.routes import access
from chassis.problems import Problem
from users.fields import Password, Phone
from users.sessions import actions
from users.sessions.actions import SignedIn
from users.sessions.tokens import LIFETIME, SigningKeys

api = APIBlueprint("sessions", __name__)


class SignInIn(Strict):
    phone = Phone(required=True)
    password = Password(least=1, required=True)


class RefreshTokenIn(Strict):
    refresh_token = Text(100, required=True)


class SessionOut(Schema):
    """Tokens: `access_token` goes into `Authorization: Bearer …`; `refresh_token` serves one refresh within 30 days."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"enum": ["Bearer"]})
    expires_in = fields.Integer(required=True, metadata={"description": "seconds until the access token ends"})
    refresh_token = fields.String(required=True)


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
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(SignInIn)
@api.output(SessionOut, 201)
def sign_in(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Sign in by phone and password. After ten wrong passwords within a quarter of an hour the phone has to wait."""
    return _tokens(actions.sign_in(session, **json_data))


@api.post("/sessions/refresh")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(RefreshTokenIn)
@api.output(SessionOut, 201)
def refresh_session(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Get new tokens. A repeat within ten seconds gives the same refresh token; a later one ends the sign-in."""
    return _tokens(actions.refresh_session(session, json_data["refresh_token"]))


@api.post("/sessions/end")
@access(who=ANYONE, x_view="own", idempotent=False)
@api.input(RefreshTokenIn)
@api.output({}, 204)
def end_session(session: Session, caller: Caller | None, json_data: dict[str, Any]) -> Any:
    """Sign out. An access token still works until it expires."""
    actions.end_session(session, json_data["refresh_token"])
    return ""


@api.get("/jwks")
@access(who=ANYONE, x_view="public")
@api.output(JwksOut)
def list_public_keys(session: Session, caller: Caller | None) -> Any:
    """List the public keys of all access tokens that are valid now (RFC 7517)."""
    return _keys().public_jwks(), 200, {"Cache-Control": "public, max-age=300"}


def _tokens(outcome: SignedIn | Problem) -> Any:
    if isinstance(outcome, Problem):
        return problems.answer(outcome)
    token = _keys().token(outcome.account.id, outcome.account.kind)
    tokens = {"access_token": token, "token_type": "Bearer", "expires_in": int(LIFETIME.total_seconds())}
    return tokens | {"refresh_token": outcome.refresh_token}, 201, {"Location": "/v1/me", "Cache-Control": "no-store"}


def _keys() -> SigningKeys:
    keys: SigningKeys = current_app.extensions["keys"]
    return keys
