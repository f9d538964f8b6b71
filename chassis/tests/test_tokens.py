"""Access tokens that somebody forged, altered, or kept for too long."""

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from issuer import forged
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from keeper import unguarded
from pantry import api as pantry_api

from chassis.http import auth
from chassis.testing.fixtures import Client, KnownKeys, api_fixtures
from chassis.testing.twins import altered

engine, database, client = api_fixtures("pantry", pantry_api.api)

Forge = Callable[[KnownKeys], str]
STRANGER = ECKey.generate_key("P-256", {"kid": "test"}, auto_kid=False)
OTHER_CURVE = ECKey.generate_key("P-384", {"kid": "test"}, auto_kid=False)
ME = str(uuid4())
SIGNATURE = "jwt.decode(token, signers, algorithms=[ALGORITHM]).claims"
UNVERIFIED = "read_unverified(token)"
RULES = "_RULES.validate(claims)"
KINDS = 'if claims["kind"] in SIGNED_IN:'


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def read_unverified(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def claims() -> dict[str, Any]:
    stated = forged(sub=ME)
    return stated | {"exp": int(stated["exp"].timestamp())}


def unsigned(header: dict[str, Any], signature: str = "") -> str:
    return f"{part(header)}.{part(claims())}.{signature}"


def by_stranger(**header: Any) -> Forge:
    return lambda keys: jwt.encode({"alg": "ES256", "kid": "test"} | header, claims(), STRANGER)


def with_the_public_key(keys: KnownKeys) -> str:
    public = json.dumps(keys.current().as_dict(private=False)["keys"][0]).encode()
    return jwt.encode({"alg": "HS256", "kid": "test"}, claims(), OctKey.import_key(public))


def tampered(keys: KnownKeys) -> str:
    head, _, signature = keys.token(uuid4(), "donor").split(".")
    return f"{head}.{part(claims())}.{signature}"


def by_us(kind: Any = "donor", **stated: Any) -> Forge:
    return lambda keys: keys.token(UUID(ME), kind, **stated)


FORGED: dict[str, tuple[Forge, str, str]] = {
    "without a signature": (lambda keys: unsigned({"alg": "none", "kid": "test"}), "[ALGORITHM]", '[ALGORITHM, "none"]'),
    "without a signature, in capitals": (lambda keys: unsigned({"alg": "NONE", "kid": "test"}), SIGNATURE, UNVERIFIED),
    "without an algorithm": (lambda keys: unsigned({"kid": "test"}), SIGNATURE, UNVERIFIED),
    "signed with the public key as a secret": (with_the_public_key, SIGNATURE, UNVERIFIED),
    "signed on another curve": (
        lambda keys: jwt.encode({"alg": "ES384", "kid": "test"}, claims(), OTHER_CURVE, algorithms=["ES384"]), SIGNATURE, UNVERIFIED,
    ),
    "signed by a stranger": (by_stranger(), SIGNATURE, UNVERIFIED),
    "signed by an unknown key": (by_stranger(kid="other"), SIGNATURE, UNVERIFIED),
    "with a file for a key": (by_stranger(kid="../../../../dev/null"), SIGNATURE, UNVERIFIED),
    "with SQL for a key": (by_stranger(kid="' UNION SELECT jwks FROM public_keys --"), SIGNATURE, UNVERIFIED),
    "with a list for a key": (lambda keys: unsigned({"alg": "ES256", "kid": ["test"]}, "AAAA"), SIGNATURE, UNVERIFIED),
    "with a key of its own": (by_stranger(jwk=STRANGER.as_dict(private=False)), SIGNATURE, UNVERIFIED),
    "with an address of its key": (by_stranger(jku="http://127.0.0.1:9/jwks"), SIGNATURE, UNVERIFIED),
    "with an extension that must be understood": (
        lambda keys: unsigned({"alg": "ES256", "kid": "test", "crit": ["b64"], "b64": False}, "AAAA"), SIGNATURE, UNVERIFIED,
    ),
    "with the claims of another": (tampered, SIGNATURE, UNVERIFIED),
    "expired": (by_us(minutes=-1), RULES, "pass"),
    "without an end": (by_us(exp=None), RULES, "pass"),
    "valid from tomorrow": (by_us(nbf=2**33), RULES, "pass"),
    "from another issuer": (by_us(iss="someone"), RULES, "pass"),
    "for another audience": (by_us(aud="someone"), RULES, "pass"),
    "for other audiences": (by_us(aud=["someone", "duijie.example.org"]), RULES, "pass"),
    "for nobody": (by_us(aud=[]), RULES, "pass"),
    "of an unknown kind": (by_us("emperor"), KINDS, "if True:"),
}  # fmt: skip
GARBLED: dict[str, Forge] = {
    "about nobody": by_us(sub="nobody"),
    "about a number": by_us(sub=7),
    "of many kinds": by_us(["donor", "staff"]),
    "of a session without an id": by_us(sid="first"),
    "of a numbered session": by_us(sid=7),
    "garbage": lambda keys: "garbage",
    "more garbage": lambda keys: "a.b.c",
}


def ask(client: Client, token: str) -> Any:
    return client.flask.post("/v1/withdrawals", json={"region": "51"}, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without its guard the forged token is accepted")])
@pytest.mark.parametrize(("forge", "guard", "instead"), FORGED.values(), ids=FORGED)
def test_forged_token_is_refused(
    client: Client, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, forge: Forge, guard: str, instead: str, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(auth, "read_unverified", read_unverified, raising=False)
        monkeypatch.setattr(auth, "_claims", altered(auth._claims, guard, instead))
    answer = ask(client, forge(keys))
    assert (answer.status_code, answer.json.get("code")) == (401, "sign_in_needed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("forge", GARBLED.values(), ids=GARBLED)
def test_garbled_token_is_refused(client: Client, keys: KnownKeys, forge: Forge) -> None:
    assert ask(client, forge(keys)).json["code"] == "sign_in_needed"


@pytest.mark.parametrize("stated", [{}, {"aud": ["other", "duijie"]}])
def test_token_for_this_audience_is_accepted(client: Client, keys: KnownKeys, stated: dict[str, Any]) -> None:
    assert ask(client, keys.token(uuid4(), "donor", **stated)).status_code == 201


def test_token_of_the_release_before_is_accepted(client: Client, keys: KnownKeys) -> None:
    signer = keys.current().keys[0]
    assert ask(client, jwt.encode({"alg": "ES256", "kid": "test"}, claims(), signer)).status_code == 201


@pytest.mark.parametrize(("seconds", "status"), [(1, 201), (20, 401)])
def test_clocks_may_differ_by_a_few_seconds(client: Client, keys: KnownKeys, seconds: int, status: int) -> None:
    assert ask(client, keys.token(uuid4(), "donor", minutes=-seconds / 60)).status_code == status
