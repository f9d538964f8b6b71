"""The interface of an SMS provider."""

from typing import Literal, Protocol

Failure = Literal["failed", "number_refused", "provider_refused"]


class SmsError(Exception):
    """An SMS was not sent. `reason` is the provider's code, which holds no personal data.

    `failed` may succeed later. `number_refused` holds for this phone alone. `provider_refused` holds for everybody until somebody mends
    the account: its balance, signature, template or keys.
    """

    def __init__(self, outcome: Failure, reason: str) -> None:
        super().__init__(outcome, reason)
        self.outcome: Failure = outcome
        self.reason = reason


class SmsChannel(Protocol):
    """A provider of SMS."""

    def send_code(self, phone: str, code: str, minutes: int, reference: str) -> None:
        """Send a code that holds for some minutes. `reference` is what both sides may log. Raises `SmsError`."""
        ...
