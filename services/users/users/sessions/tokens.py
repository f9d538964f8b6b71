"""Access tokens. Users signs them; every service verifies them with the public keys that users serves."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from chassis.data.database import new_id
from chassis.http.auth import ALGORITHM, AUDIENCE, ISSUER

LIFETIME = timedelta(minutes=15)
SECONDS = int(LIFETIME.total_seconds())


class SigningKeys:
    """The private keys, newest first. The newest signs; all are served and trusted."""

    def __init__(self, pems: Sequence[bytes]) -> None:
        """Raises ValueError for no keys, or others than private P-256 keys."""
        keys = [_key(pem) for pem in pems]
        if not keys:
            raise ValueError("there is no key to sign with")
        self._newest = keys[0]
        self._set = KeySet([*keys])

    @classmethod
    def of_files(cls, paths: Sequence[Path]) -> "SigningKeys":
        """Read PEM files, the newest key first."""
        return cls([path.read_bytes() for path in paths])

    def current(self) -> KeySet:
        """Return all keys; they do not change while the process runs."""
        return self._set

    renewed = current

    def public_jwks(self) -> dict[str, Any]:
        """Return the public keys as a JSON Web Key Set."""
        return dict(self._set.as_dict(private=False))

    def token(self, user_id: UUID, kind: str, session_id: UUID, seconds: int = SECONDS, **more: Any) -> str:
        """Sign an access token of a session, by default for a quarter of an hour, with further claims."""
        signed_at = datetime.now(UTC)
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": str(user_id), "sid": str(session_id), "kind": kind,
            "iat": signed_at, "exp": signed_at + timedelta(seconds=seconds), "jti": str(new_id()), **more,
        }  # fmt: skip
        return jwt.encode({"alg": ALGORITHM, "kid": self._newest.kid}, claims, self._newest)


def lifetime_until(ends_at: datetime) -> int:
    """Return the seconds that an access token is valid for when its session ends then: a quarter of an hour at most."""
    return max(1, min(SECONDS, int((ends_at - datetime.now(UTC)).total_seconds())))


def _key(pem: bytes) -> ECKey:
    key = ECKey.import_key(pem)
    if key.curve_name != "P-256" or not key.is_private:
        raise ValueError("a signing key must be a private P-256 key")
    return ECKey.import_key(pem, {"kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM})
