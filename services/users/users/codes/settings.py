"""Settings of one-time codes."""

from dataclasses import dataclass

from chassis.environment import Environment, parse_long_keys


@dataclass(frozen=True, kw_only=True)
class CodeSettings:
    """`CODE_KEYS` derive one-time codes, the newest first. `CODES_PER_…` limit how many may be asked for on a day."""

    code_keys: list[bytes]
    codes_per_phone: int
    codes_per_address: int
    codes_per_day: int

    @classmethod
    def of_environment(cls) -> "CodeSettings":
        """Read the settings. Raises `SettingsError` when the keys are missing or short, or a limit is wrong."""
        env = Environment()
        wanted = "random texts of 32 characters or more, separated by commas, the newest first"
        read = cls(
            code_keys=env.parsed("CODE_KEYS", parse_long_keys, wanted),
            codes_per_phone=env.whole("CODES_PER_PHONE", 10, 1, 1_000),
            codes_per_address=env.whole("CODES_PER_ADDRESS", 200, 1, 10**6),
            codes_per_day=env.whole("CODES_PER_DAY", 20_000, 1, 10**9),
        )
        env.check()
        return read
