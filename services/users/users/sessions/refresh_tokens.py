"""Refresh tokens: an id and a secret. Each token is computed from the one before, so an old one is recognised though no list is kept."""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

ID_BYTES, SECRET_BYTES = 16, 32


@dataclass(frozen=True)
class RefreshToken:
    """A token as its holder sends it: `id` finds the session, `secret` proves the token."""

    id: UUID
    secret: bytes

    @classmethod
    def new(cls, token_id: UUID) -> "RefreshToken":
        """Make the first token of a session."""
        return cls(token_id, secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def read(cls, text: str) -> "RefreshToken | None":
        """Decode a token; None for anything else."""
        try:
            read = base64.b64decode(text, altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        return cls(UUID(bytes=read[:ID_BYTES]), read[ID_BYTES:]) if len(read) == ID_BYTES + SECRET_BYTES else None

    def write(self) -> str:
        """Encode the token."""
        return base64.urlsafe_b64encode(self.id.bytes + self.secret).decode()

    def digest(self) -> bytes:
        """Return the hash by which the database knows the token."""
        return hashlib.sha256(self.secret).digest()

    def next(self, salt: bytes) -> "RefreshToken":
        """Compute the token after this one. It takes this secret and the session's salt, so the database alone reveals no token."""
        return RefreshToken(self.id, hmac.digest(self.secret, salt, hashlib.sha256))


def find_current(token: RefreshToken, salt: bytes, digest: bytes, renewals: int) -> tuple[RefreshToken, int] | None:
    """Return the current token, whose hash is `digest`, and how many renewals `token` is behind it.

    None when `token` never was one of a session that was renewed `renewals` times.
    """
    for behind in range(renewals + 1):
        if hmac.compare_digest(token.digest(), digest):
            return token, behind
        token = token.next(salt)
    return None
