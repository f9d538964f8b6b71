"""A driver that writes needs and pledges with their events in one transaction of raw SQL, through all faults."""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

ITEMS = {
    "medical.mask": "piece",
    "medical.gown": "piece",
    "food.rice": "kg",
    "food.oil": "litre",
    "home.quilt": "piece",
    "study.desk": "piece",
}
GROUPS = {"medical": "piece", "food": "kg"}
UNTIL = timedelta(days=300)
TRICKLE_SECONDS = 0.3

_PUBLISH = (
    "INSERT INTO outbox (id, name, teller, subject, version, recorded_at, body) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_NEED = (
    "INSERT INTO needs (id, version, household_id, account_id, poster_id, region, category, unit, quantity, urgency, reason, state,"
    " posted_at, published_at) VALUES (%(need_id)s, %(version)s, %(household_id)s, %(account_id)s, %(poster_id)s, %(region)s,"
    " %(category)s, %(unit)s, %(quantity)s, %(urgency)s, '', 'published', %(posted_at)s, %(published_at)s)"
)
_PLEDGE = (
    "INSERT INTO pledges (id, version, pledger_id, kind, category, unit, quantity, region, valid_until, withdrawn, offered_at,"
    " answered_version, released_version) VALUES (%(pledge_id)s, %(version)s, %(pledger_id)s, %(kind)s, %(category)s, %(unit)s,"
    " %(quantity)s, %(region)s, %(valid_until)s, false, %(offered_at)s, 0, 0)"
)
_NEED_ENDS = "UPDATE needs SET version = %(version)s, state = 'withdrawn' WHERE id = %(need_id)s"
_PLEDGE_CHANGES = "UPDATE pledges SET version = %(version)s, quantity = %(quantity)s WHERE id = %(pledge_id)s"
_PLEDGE_ENDS = "UPDATE pledges SET version = %(version)s, withdrawn = true WHERE id = %(pledge_id)s"
_NOTHING = ""

Operation = tuple[str, str, Mapping[str, Any]]
"""What is done to the rows, the event's name, its body."""


class Driver:
    """A thread that writes `rate` events a second within the share that `allow` sets, a trickle beyond it, until `finish`."""

    def __init__(self, urls: Mapping[str, str], count: int, rate: float, seed: int) -> None:
        self.written: list[str] = []
        self.failure: BaseException | None = None
        self._urls = urls
        self._count = count
        self._rate = rate
        self._random = random.Random(seed)
        self._allowed = 0
        self._finishing = False
        self._may_go_on = threading.Condition()
        self._needs: list[dict[str, Any]] = []
        self._pledges: list[dict[str, Any]] = []
        self._connections: dict[str, psycopg.Connection[Any]] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def allow(self, share: float) -> None:
        """Allow this share of the `count` events."""
        with self._may_go_on:
            self._allowed = round(self._count * share)
            self._may_go_on.notify()

    def finish(self, seconds: float) -> None:
        """Allow all events and wait for them. Raises the error that stopped the driver."""
        self._finishing = True
        self.allow(1)
        self._thread.join(seconds)
        if self.failure or self._thread.is_alive():
            raise RuntimeError(f"the driver wrote {len(self.written)} of {self._count} events") from self.failure

    def _run(self) -> None:
        try:
            while not self._finishing or len(self.written) < self._count:
                with self._may_go_on:
                    self._may_go_on.wait_for(lambda: self._allowed > len(self.written), TRICKLE_SECONDS)
                started = time.monotonic()
                many = self._random.randint(1, 6)
                if self._random.random() < 0.02 and "users" in self._urls:
                    self._commit("users", [self._appointed() if self._random.random() < 0.5 else self._registered() for _ in range(many)])
                else:
                    self._commit("needs", [self._operation() for _ in range(many)])
                time.sleep(max(0.0, many / self._rate - (time.monotonic() - started)))
        except Exception as error:
            self.failure = error

    def _commit(self, producer: str, operations: list[Operation]) -> None:
        """Commit one transaction, repeated until it is confirmed; the same ids show whether it was committed before."""
        at = datetime.now(UTC)
        events = [
            (str(uuid7()), name, producer, _subject(body), body["version"], at, json.dumps(body, default=str))
            for _, name, body in operations
        ]
        while True:
            try:
                connection = self._connection(producer)
                with connection.transaction():
                    if not self._stands(connection, events[0][0]):
                        for statement, _, body in operations:
                            if statement:
                                connection.execute(statement, body)  # type: ignore[arg-type]
                        connection.cursor().executemany(_PUBLISH, events)
                        connection.execute("SELECT pg_notify('outbox', '')")
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        self.written += [event[0] for event in events]

    def _stands(self, connection: psycopg.Connection[Any], event: str) -> bool:
        query = (
            "SELECT count(*) FROM (SELECT id FROM outbox WHERE id = %(id)s UNION ALL SELECT id FROM journal WHERE id = %(id)s) AS published"
        )
        row = connection.execute(query, {"id": event}).fetchone()
        return bool(row and row[0])

    def _connection(self, producer: str) -> psycopg.Connection[Any]:
        if producer not in self._connections or self._connections[producer].closed:
            self._connections[producer] = psycopg.connect(self._urls[producer], autocommit=True, connect_timeout=5)
        return self._connections[producer]

    def _operation(self) -> Operation:
        makers: list[Callable[[], Operation]] = [self._published, self._offered]
        weights = [76.0, 19.0]
        if len(self._needs) > 20 and len(self._pledges) > 20:
            makers += [self._withdrawn, self._changed, self._ended]
            weights += [2, 2, 1]
        return self._random.choices(makers, weights)[0]()

    def _id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def _village(self) -> str:
        return f"5109{self._random.randint(1, 3):02d}{self._random.randint(1, 4):03d}{self._random.randint(200, 203):03d}"

    def _published(self) -> Operation:
        at = datetime.now(UTC)
        category = self._random.choice(list(ITEMS))
        need = {
            "version": 2, "need_id": self._id(), "household_id": self._id(),
            "account_id": self._random.choice([None, self._id()]), "poster_id": self._id(),
            "region": self._village(), "category": category, "unit": ITEMS[category], "quantity": self._random.randint(1, 20),
        }  # fmt: skip
        self._needs.append(need)
        stated = {
            "urgency": self._random.choice(["normal", "urgent", "critical"]),
            "posted_at": at.isoformat(),
            "published_at": at.isoformat(),
        }
        return _NEED, "need_published", need | stated

    def _offered(self) -> Operation:
        category = self._random.choice([*ITEMS, *GROUPS])
        pledge = {
            "version": 1, "pledge_id": self._id(), "pledger_id": self._id(), "kind": "goods",
            "category": category, "unit": (ITEMS | GROUPS)[category], "quantity": self._random.randint(1, 20),
            "region": self._village()[: self._random.choice([0, 4, 6, 9, 12])],
            "valid_until": (datetime.now(UTC) + UNTIL).isoformat(), "offered_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        self._pledges.append(pledge)
        return _PLEDGE, "pledge_offered", dict(pledge)

    def _withdrawn(self) -> Operation:
        need = self._needs.pop(self._random.randrange(len(self._needs)))
        stated = {"withdrawn_by": need["poster_id"], "withdrawn_at": datetime.now(UTC).isoformat()}
        return _NEED_ENDS, "need_withdrawn", need | {"version": 3} | stated

    def _changed(self) -> Operation:
        pledge = self._random.choice(self._pledges)
        pledge.update(version=pledge["version"] + 1, quantity=self._random.randint(1, 20))
        return _PLEDGE_CHANGES, "pledge_changed", pledge | {"changed_at": datetime.now(UTC).isoformat()}

    def _ended(self) -> Operation:
        pledge = self._pledges.pop(self._random.randrange(len(self._pledges)))
        pledge.update(version=pledge["version"] + 1)
        return _PLEDGE_ENDS, "pledge_withdrawn", pledge | {"withdrawn_at": datetime.now(UTC).isoformat()}

    def _appointed(self) -> Operation:
        stated = {"appointed_by": None, "appointed_at": datetime.now(UTC).isoformat()}
        return (
            _NOTHING,
            "administrator_appointed",
            {"version": 1, "appointment_id": self._id(), "user_id": self._id(), "region": "4301"} | stated,
        )

    def _registered(self) -> Operation:
        stated = {"status": "registered", "registered_by": self._id(), "registered_at": datetime.now(UTC).isoformat()}
        house = {"version": 1, "household_id": self._id(), "account_id": None, "region": self._village()}
        return _NOTHING, "household_registered", house | stated


def _subject(body: Mapping[str, Any]) -> Any:
    return next(value for name, value in body.items() if name.endswith("_id"))
