"""People who ask for codes."""

from dataclasses import dataclass

from chassis.http.rate_limits import caller_address
from chassis.problems import language


@dataclass(frozen=True)
class Asker:
    """The address and the language (`zh-CN` or `en`) of whoever asks for a code."""

    address: str
    language: str


def asker() -> Asker:
    """Return who asks for a code in the present request."""
    return Asker(caller_address(), language())
