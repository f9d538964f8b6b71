"""Settings that matching alone has, by the processes that read them."""

from dataclasses import dataclass
from datetime import timedelta

from environs import Env


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
    """`public_url` is the address of the site on printed slips, empty when not set; the web process reads it."""

    public_url: str

    @classmethod
    def of_environment(cls) -> "SlipSettings":
        return cls(public_url=Env().str("PUBLIC_URL", "").rstrip("/"))
