"""Settings that matching alone has, by the processes that read them."""

from dataclasses import dataclass
from datetime import timedelta

from chassis.environment import Environment

MOST_HOURS = 24 * 365


@dataclass(frozen=True, kw_only=True)
class ProposalSettings:
    """`answer_within` is how long a proposal waits for its answer; clearing and the restoring command read it."""

    answer_within: timedelta

    @classmethod
    def of_environment(cls) -> "ProposalSettings":
        """Read the settings. Raises `SettingsError` when `ANSWER_HOURS` is wrong."""
        env = Environment()
        read = cls(answer_within=timedelta(hours=env.number("ANSWER_HOURS", 72, 0.001, MOST_HOURS)))
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class SlipSettings:
    """`public_url` is the address of the site on printed slips, as `https://example.org`; the web process reads it."""

    public_url: str

    @classmethod
    def of_environment(cls) -> "SlipSettings":
        """Read the settings. Raises `SettingsError` when `PUBLIC_URL` is missing or no address of a site."""
        env = Environment()
        read = cls(public_url=env.site_address("PUBLIC_URL").rstrip("/"))
        env.check()
        return read
