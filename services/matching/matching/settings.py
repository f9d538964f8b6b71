"""Settings that matching alone has."""

from dataclasses import dataclass
from datetime import timedelta

from environs import Env


@dataclass(frozen=True, kw_only=True)
class MatchingSettings:
    """`answer_within` is how long a proposal waits for its answer; `public_url` is the address of the site, empty when not set."""

    answer_within: timedelta
    public_url: str

    @classmethod
    def of_environment(cls) -> "MatchingSettings":
        """Raises `environs.EnvError` naming the variable that is wrong."""
        env = Env()
        return cls(
            answer_within=timedelta(hours=env.float("ANSWER_HOURS", 72)),
            public_url=env.str("PUBLIC_URL", "").rstrip("/"),
        )
