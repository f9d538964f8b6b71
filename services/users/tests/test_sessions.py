"""Signing in, refreshing tokens, signing out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.data.database import Database
from chassis.http.auth import ALGORITHM, ISSUER
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of
from users.sessions import actions as sessions
from users.sessions.tokens import SigningKeys
from users.settings import UsersSettings

from .conftest import PASSWORD, client_of, donor, enter_account, pem, phone

WRONG = "not-the-password"


@pytest.fixture
def number(client: Client) -> str:
    wanted = donor()
    enter_account(client, **wanted)
    return str(wanted["phone"])


def sign_in(client: Client, number: str, password: str = PASSWORD) -> Any:
    return client.post("/v1/sessions", {"phone": number, "password": password})


def refresh(client: Client, token: str) -> Any:
    return client.post("/v1/sessions/refresh", {"refresh_token": token})


def change(database: Database, statement: str) -> None:
    with database.begin() as session:
        session.execute(text(statement))


@contextmanager
def comparisons() -> Iterator[list[str]]:
    """Collect the hashes that passwords are compared with."""
    seen: list[str] = []

    def watch(frame: Any, happening: str, _: Any) -> None:
        if happening == "call" and frame.f_code is PasswordHasher.verify.__code__:
            seen.append(frame.f_locals["hash"])

    sys.setprofile(watch)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def test_signing_in_gives_a_token_with_the_account_s_id(client: Client, number: str, signing: SigningKeys) -> None:
    answer = sign_in(client, number)
    assert (answer.status_code, answer.json["token_type"], answer.json["expires_in"]) == (201, "Bearer", 900)
    assert answer.headers["Cache-Control"] == "no-store"
    token = jwt.decode(answer.json["access_token"], signing.current(), algorithms=[ALGORITHM])
    assert token.header["kid"] == client.get("/v1/jwks").json["keys"][0]["kid"]
    assert (token.claims["iss"], token.claims["kind"], token.claims["exp"] - token.claims["iat"]) == (ISSUER, "donor", 900)
    assert token.claims["jti"]
    headers = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert client.flask.get("/v1/me", headers=headers).json["id"] == token.claims["sub"]


def test_an_expired_token_in_the_header_does_not_stop_a_sign_in(client: Client, number: str) -> None:
    stale = {"Authorization": "Bearer stale"}
    assert client.flask.post("/v1/sessions", json={"phone": number, "password": PASSWORD}, headers=stale).status_code == 201
    assert client.flask.get("/v1/me", headers=stale).status_code == 401


def test_a_phone_may_be_written_in_any_notation(client: Client, number: str) -> None:
    assert sign_in(client, f"+86 {number}").status_code == 201


def test_every_failed_sign_in_costs_and_answers_the_same(client: Client, database: RolledBack, number: str) -> None:
    without, closed = donor(), donor()
    enter_account(client, **without)
    enter_account(client, **closed)
    change(database, "UPDATE accounts SET password_hash = NULL WHERE id = (SELECT id FROM accounts ORDER BY id DESC OFFSET 1 LIMIT 1)")
    change(database, "UPDATE accounts SET state = 'closed' WHERE id = (SELECT id FROM accounts ORDER BY id DESC LIMIT 1)")
    tried = [(number, WRONG), (phone(), PASSWORD), (without["phone"], PASSWORD), (closed["phone"], PASSWORD)]
    answers, costs = [], []
    for one in tried:
        with comparisons() as seen:
            answers.append(sign_in(client, *one))
        costs += [[kept.rsplit("$", 2)[0] for kept in seen]]
    assert {answer.status_code for answer in answers} == {401}
    assert all(answer.json | {"instance": ""} == answers[0].json | {"instance": ""} for answer in answers)
    assert answers[0].json["code"] == "wrong_credentials"
    assert costs == [["$argon2id$v=19$m=19456,t=2,p=1"] * 2] * 4
    with database.begin() as session:
        assert session.scalar(text("SELECT sum(tries) FROM wrong_passwords")) == 12, "each for its phone, the address, and both"


def test_an_unused_token_expires_after_30_days_and_is_deleted(client: Client, database: RolledBack, number: str) -> None:
    token = sign_in(client, number).json["refresh_token"]
    change(database, "UPDATE sign_ins SET expires_at = expires_at - interval '30 days 1 second'")
    assert refresh(client, token).json["code"] == "session_ended"
    change(database, "UPDATE sign_ins SET expires_at = expires_at - interval '1 day'")
    with database.begin() as session:
        sessions.delete_expired(session)
        assert session.scalar(text("SELECT count(*) FROM sign_ins")) == 0


def test_a_closed_account_cannot_refresh(client: Client, database: RolledBack, number: str) -> None:
    token = sign_in(client, number).json["refresh_token"]
    change(database, "UPDATE accounts SET state = 'closed'")
    assert refresh(client, token).json["code"] == "session_ended"


@pytest.mark.parametrize("token", ["x", "A" * 64, "A" * 63, "长" * 20, "=" * 64])
def test_an_invalid_refresh_token_is_refused(client: Client, token: str) -> None:
    assert (refresh(client, token).status_code, refresh(client, token).json["code"]) == (401, "session_ended")
    assert client.post("/v1/sessions/end", {"refresh_token": token}).status_code == 204


@pytest.mark.parametrize(
    "body", [{}, {"phone": "13800001234"}, {"phone": 1, "password": PASSWORD}, {"phone": "13800001234", "password": "x" * 129}]
)
def test_a_malformed_sign_in_is_refused(client: Client, body: dict[str, Any]) -> None:
    assert (client.post("/v1/sessions", body).status_code, client.post("/v1/sessions", body).json["code"]) == (422, "invalid")


def test_public_keys_are_public_and_verify_every_token(client: Client, number: str) -> None:
    answer = client.get("/v1/jwks")
    assert len(answer.json["keys"]) == 2
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in answer.json["keys"])
    keys = KeySet.import_key_set(answer.json)
    assert jwt.decode(sign_in(client, number).json["access_token"], keys, algorithms=[ALGORITHM])


def test_tokens_of_the_old_signing_key_stay_valid(database: RolledBack) -> None:
    old, new = pem(), pem()
    before, after = SigningKeys([old]), SigningKeys([new, old])
    person = administrator_of(database, "5109")
    token = before.token(person.id, "staff", person.session_id)
    client = client_of(database, after)
    assert client.flask.get("/v1/households", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert after.public_jwks()["keys"][1]["kid"] == before.public_jwks()["keys"][0]["kid"]


def test_signing_keys_are_read_from_the_files_of_the_settings(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("new.pem", "old.pem"):
        (tmp_path / name).write_bytes(pem())
    monkeypatch.setenv("USERS_SIGNING_KEYS", f"{tmp_path}/new.pem, {tmp_path}/old.pem")
    assert len(UsersSettings.of_environment().signing_keys.public_jwks()["keys"]) == 2


def test_an_unsuitable_signing_key_is_refused() -> None:
    wider = ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pems in ([wider], []):
        with pytest.raises(ValueError):
            SigningKeys(pems)


def test_a_token_of_another_signer_is_refused(client: Client) -> None:
    token = KnownKeys().token(Person("staff").id, "staff")
    assert client.flask.get("/v1/households", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_failed_sign_in_is_told_to_the_auditors_of_the_region(client: Client, database: RolledBack) -> None:
    wanted = donor(region="510903")
    enter_account(client, **wanted)
    assert sign_in(client, wanted["phone"], WRONG).status_code == 401
    with database.begin() as session:
        failed = session.scalars(select(AuditEntry).where(AuditEntry.act == "sign_in", AuditEntry.outcome == "wrong_credentials")).one()
    assert failed.region == "510903"
