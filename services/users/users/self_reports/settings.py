"""The setting that QR codes for self-reports need."""

from dataclasses import dataclass

from chassis.environment import Environment


@dataclass(frozen=True, kw_only=True)
class PosterSettings:
    """`public_url` is the address of the site that QR codes lead to, as `https://example.org`; the web process reads it."""

    public_url: str

    @classmethod
    def of_environment(cls) -> "PosterSettings":
        """Read the setting. Raises `SettingsError` when `PUBLIC_URL` is missing or no address of a site."""
        env = Environment()
        read = cls(public_url=env.site_address("PUBLIC_URL").rstrip("/"))
        env.check()
        return read
