"""Settings of users besides those of the chassis."""

from dataclasses import dataclass
from pathlib import Path

from environs import Env


@dataclass(frozen=True, kw_only=True)
class UsersSettings:
    """`signing_keys` are PEM files of private keys, the newest first; `USERS_SIGNING_KEYS` lists them, separated by commas."""

    signing_keys: list[Path]

    @classmethod
    def of_environment(cls) -> "UsersSettings":
        """Raises `environs.EnvError` naming the variable that is missing."""
        paths: list[str] = Env().list("USERS_SIGNING_KEYS")
        return cls(signing_keys=[Path(path.strip()) for path in paths])
