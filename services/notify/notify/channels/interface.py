"""The interface of a provider: send a letter, and tell afterwards what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

Failure = Literal["temporary-failure", "permanent-failure", "technical-failure"]
Taken = Literal["taken", "delivered"]
Found = Taken | Failure | Literal["absent", "unknown"]

NOT_FILED = "no_template."
"""The beginning of the reason of a text that the provider cannot send, because its template was not filed."""


class SendingError(Exception):
    """A letter was not sent. `reason` is the provider's code, which holds no personal data.

    `temporary-failure` may succeed later. `permanent-failure` holds for this address alone. `technical-failure` holds for everybody until
    somebody mends the account: its balance, signature, template or keys. `retry_at` is when the provider wants to be asked again.
    """

    def __init__(self, outcome: Failure, reason: str, retry_at: datetime | None = None) -> None:
        super().__init__(outcome, reason)
        self.outcome: Failure = outcome
        self.reason = reason
        self.retry_at = retry_at


@dataclass(frozen=True, repr=False)
class Letter:
    """A message with its address, for one provider. It stays in memory, and has no readable form for logs.

    `reference` is the message's id, the same in every attempt: the key by which a provider recognises a repetition. `text` names one of the
    short texts, `parameters` fill it. `title` and `body` are the whole words, for channels without templates. `unsubscribing_key` makes the
    link by which the recipient ends mails. `extension` chooses the number that an SMS comes from, so that an answer tells which question
    it belongs to.
    """

    reference: UUID
    to: str
    language: str
    text: str
    parameters: Mapping[str, str]
    title: str
    body: str
    unsubscribing_key: str | None = None
    extension: str = ""
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """The provider's answer to a letter: `taken` while a report may follow; `number` is the provider's own id of the letter."""

    outcome: Taken = "taken"
    number: str | None = None


@dataclass(frozen=True)
class Report:
    """A provider's word, some time later, about a letter that it took."""

    number: str
    outcome: Literal["delivered"] | Failure
    reason: str | None = None


class Provider(Protocol):
    """One account at a provider. Each thread has a provider of its own."""

    def send(self, letter: Letter) -> Receipt:
        """Send a letter. Raises `SendingError`."""
        ...

    def find(self, letter: Letter, since: datetime) -> Found:
        """Ask what became of a letter that a process may have sent before it died. Raises `SendingError` when there is no answer now.

        `absent` promises that the provider never took it; `unknown` that nobody can tell.
        """
        ...

    def close(self) -> None:
        """Close connections that are kept open."""
        ...
