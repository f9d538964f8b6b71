"""Settings that matching alone has, by the processes that read them."""

import re
from dataclasses import dataclass
from datetime import timedelta

from environs import Env, ValidationError

_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/?")


@dataclass(frozen=True, kw_only=True)
class ProposalSettings:
    """`answer_within` is how long a proposal waits for its answer; clearing and the restoring command read it."""

    answer_within: timedelta

    @classmethod
    def of_environment(cls) -> "ProposalSettings":
        """Raises `environs.EnvError` when `ANSWER_HOURS` is no number."""
        return cls(answer_within=timedelta(hours=Env().float("ANSWER_HOURS", 72)))


@dataclass(frozen=True, kw_only=True)
class SlipSettings:
    """`public_url` is the address of the site on printed slips, as `https://example.org`; the web process reads it."""

    public_url: str

    @classmethod
    def of_environment(cls) -> "SlipSettings":
        """Raises `environs.EnvError` when `PUBLIC_URL` is missing or no address of a site."""
        return cls(public_url=Env().str("PUBLIC_URL", validate=_require_origin).rstrip("/"))


def _require_origin(address: str) -> None:
    """Raises ValidationError for anything but a scheme, a host and a port."""
    if not _ORIGIN.fullmatch(address):
        raise ValidationError("is no address like https://example.org")
