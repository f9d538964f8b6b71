"""Rules of subscriptions: how many there are, and which keys are keys."""

import base64
import binascii
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

MOST = 5
"""Browsers of one account. The one that subscribed first makes room for a sixth."""
POINT_BYTES, AUTH_BYTES = 65, 16


def host_of(endpoint: str) -> str:
    """Return the host of an endpoint, to be shown."""
    return urlsplit(endpoint).hostname or ""


def is_public_key(written: str) -> bool:
    """Tell whether a text is a point of P-256 in URL-safe base64."""
    point = decode_key(written)
    if point is None or len(point) != POINT_BYTES:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def is_auth(written: str) -> bool:
    """Tell whether a text is a browser's secret of 16 bytes in URL-safe base64."""
    secret = decode_key(written)
    return secret is not None and len(secret) == AUTH_BYTES


def decode_key(written: str) -> bytes | None:
    """Decode URL-safe base64 with or without its padding; None when it is none."""
    try:
        return base64.b64decode(written.rstrip("=") + "=" * (-len(written.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
