"""Settings of users besides those of the chassis."""

from dataclasses import dataclass
from pathlib import Path

from joserfc.errors import JoseError

from chassis.environment import Environment
from users.sessions.tokens import SigningKeys


@dataclass(frozen=True, kw_only=True)
class UsersSettings:
    """`USERS_SIGNING_KEYS` lists PEM files of private keys, separated by commas, the newest first; the web process reads them."""

    signing_keys: SigningKeys

    @classmethod
    def of_environment(cls) -> "UsersSettings":
        """Read the keys. Raises `SettingsError` when they are not set, or a file is missing or holds no such key."""
        env = Environment()
        wanted = "PEM files of private P-256 keys that this process can read, separated by commas, the newest first"
        read = cls(signing_keys=env.parsed("USERS_SIGNING_KEYS", _read_keys, wanted))
        env.check()
        return read


def _read_keys(listed: str) -> SigningKeys:
    try:
        return SigningKeys.of_files([Path(path.strip()) for path in listed.split(",")])
    except JoseError as error:
        raise ValueError("no key") from error
