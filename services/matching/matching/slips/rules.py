"""Rules of hand-over slips."""

from datetime import datetime

from matching.book.model import Slip
from matching.book.problems import slip_unknown


def require_in_force(slip: Slip | None, at: datetime) -> Slip:
    """Return a slip that is neither revoked nor expired. Raises `slip_unknown` for every other."""
    if slip is None or slip.revoked_at is not None or slip.expires_at <= at:
        raise slip_unknown()
    return slip
