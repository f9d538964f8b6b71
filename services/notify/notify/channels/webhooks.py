"""Signed webhooks, as Standard Webhooks describes them: https://www.standardwebhooks.com."""

from datetime import UTC, datetime

from standardwebhooks import Webhook

from chassis.data.database import now
from notify.channels.guarded import GuardedClient
from notify.channels.interface import Failure, Found, Letter, Receipt, SendingError

GONE = 410
"""The answer by which a receiver says that it wants no more."""


class Webhooks:
    """Posts letters to the addresses of receivers, signed with their secrets."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    def send(self, letter: Letter) -> Receipt:
        """Post a letter. Any 2xx is an answer that it arrived; the body of the answer is not read."""
        at = now()
        answer = self._client.post(letter.to, letter.body.encode(), signed_headers(letter, at), most_bytes=0)
        if 200 <= answer.status < 300:
            return Receipt("delivered")
        outcome: Failure = "permanent-failure" if answer.status == GONE else "temporary-failure"
        raise SendingError(outcome, f"http.{answer.status}", retry_at=answer.find_retry_at(at))

    def find(self, letter: Letter, since: datetime) -> Found:
        """Nobody can ask a receiver. The id stays the same, so that it can recognise a repetition."""
        return "unknown"

    def close(self) -> None:
        """Nothing is kept open."""


def signed_headers(letter: Letter, at: datetime) -> dict[str, str]:
    """Return the headers of a letter: its id, the time, and a signature by each secret that holds now."""
    # The library takes the time for UTC, whatever its zone says.
    at = at.astimezone(UTC)
    signatures = [Webhook(secret).sign(str(letter.reference), at, letter.body) for secret in letter.secrets]
    return {
        "content-type": "application/json",
        "user-agent": "Duijie-Webhooks/1",
        "webhook-id": str(letter.reference),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
