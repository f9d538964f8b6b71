"""Clients that send requests all the time, each on a kept connection; a failed one stops."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey
from uuid_utils.compat import uuid7

from chassis.http.auth import ALGORITHM, ISSUER

PEOPLE = 24
KEPT_SECONDS = 2.0
"""For so long a connection is kept without a request: shorter than a server drains, so none is used while its server closes it."""
PLEDGING = 0.05
ASKED = {
    "needs": ["/v1/pledges/mine", "/v1/catalogue"],
    "matching": ["/v1/matches"],
    "notify": ["/v1/notices", "/v1/notices/unread-count"],
    "insight": ["/v1/rates"],
    "users": ["/v1/regions/510903", "/v1/regions/5109/children", "/v1/jwks"],
}


class Clients:
    """Send `rate` requests a second from `start` to `finish` to the services' `addresses`; `pem` signs the tokens."""

    def __init__(self, addresses: Mapping[str, str], pem: bytes, rate: float, seed: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failures: list[str] = []
        self.seconds: list[float] = []
        self.pledged: list[str] = []
        self.people = [uuid7() for _ in range(PEOPLE)]
        self._addresses = addresses
        self._key = ECKey.import_key(pem)
        self._rate = rate
        self._random = random.Random(seed)
        self._turn = threading.Lock()
        self._next_at = 0.0
        self._finishing = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=[person], daemon=True) for person in self.people]

    def start(self) -> None:
        self._began = self._next_at = time.monotonic()
        for thread in self._threads:
            thread.start()

    def finish(self) -> float:
        """Wait for the last answer and return the requests a second."""
        self._finishing.set()
        for thread in self._threads:
            thread.join()
        return len(self.seconds) / (time.monotonic() - self._began)

    def _visit(self, person: UUID) -> None:
        stated = {"iss": ISSUER, "sub": str(person), "kind": "organisation", "exp": datetime.now(UTC) + timedelta(hours=3)}
        token = jwt.encode({"alg": ALGORITHM, "kid": self._key.thumbprint()}, stated, self._key)
        limits = httpx.Limits(keepalive_expiry=KEPT_SECONDS)
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, limits=limits, timeout=30, trust_env=False) as client:
            while True:
                with self._turn:
                    # Who comes late does not catch up: the rate is one that is never passed.
                    self._next_at = max(self._next_at + 1 / self._rate, time.monotonic() - 0.1)
                    pause, request = self._next_at - time.monotonic(), self._drawn()
                if self._finishing.wait(max(0.0, pause)):
                    return
                self._ask(client, *request)

    def _ask(self, client: httpx.Client, method: str, address: str, body: Any) -> None:
        started = time.monotonic()
        try:
            response = client.request(method, address, json=body)
            outcome = str(response.status_code)
        except httpx.HTTPError as error:
            response, outcome = None, type(error).__name__
        self.seconds.append(time.monotonic() - started)
        self.outcomes[outcome] += 1
        if response is None or not response.is_success:
            self.failures.append(f"{method} {address}: {outcome} {response.text[:200] if response is not None else ''}")
        elif method == "POST":
            self.pledged.append(response.json()["id"])

    def _drawn(self) -> tuple[str, str, Any]:
        if self._random.random() < PLEDGING:
            return "POST", f"{self._addresses['needs']}/v1/pledges", self._pledge()
        service = self._random.choice(sorted(self._addresses))
        return "GET", self._addresses[service] + self._random.choice(ASKED[service]), None

    def _pledge(self) -> dict[str, Any]:
        category, unit = self._random.choice([("food.rice", "kg"), ("medical.mask", "piece"), ("medical.gown", "piece")])
        ends, keeps = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (200, 400))
        return {
            "kind": "goods", "category": category, "unit": unit, "quantity": self._random.randint(1, 20),
            "region": self._random.choice(["", "5109", "510903"]), "valid_until": ends, "best_before": keeps,
        }  # fmt: skip
