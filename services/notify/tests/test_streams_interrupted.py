"""Streams through kills, rolling restarts and a restart of PostgreSQL: every change is heard by each hearer once, and none is lost."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from chassis.data.database import is_transient, new_id
from chassis.testing import postgres
from chassis.testing.fixtures import KnownKeys, Person
from chassis.testing.folders import kept_ports
from chassis.testing.templates import create_and_migrate
from contracts.matching import MatchAccepted
from notify.live import actions as live

from .conftest import example
from .streaming import Stage, ids, stage_of

WHOLE = "CAMPAIGN" in os.environ
HEARERS, ROUNDS = (40, 10) if WHOLE else (10, 1)
PAUSE_SECONDS = 0.02


class Teller(threading.Thread):
    """Tells each hearer of new matches, one transaction after the other; some begin early and commit late."""

    def __init__(self, stage: Stage, people: list[Person]) -> None:
        super().__init__(daemon=True)
        self.told: list[tuple[Person, MatchAccepted]] = []
        self.is_over = threading.Event()
        self._slow: list[threading.Thread] = []
        self._stage, self._people, self._chance = stage, people, random.Random(39)

    def run(self) -> None:
        while not self.is_over.is_set():
            person = self._chance.choice(self._people)
            event = example(MatchAccepted, match_id=new_id(), pledger_id=person.id, poster_id=new_id(), account_id=None)
            if self._chance.random() < 0.2:
                slow = threading.Thread(target=self._tell, args=(person, event, self._chance.random() / 2))
                slow.start()
                self._slow.append(slow)
            else:
                self._tell(person, event, 0)
            time.sleep(PAUSE_SECONDS)
        for one in self._slow:
            one.join()

    def _tell(self, person: Person, event: MatchAccepted, seconds: float) -> None:
        """Tell until it is certain: a second time changes nothing."""
        while True:
            try:
                with self._stage.database.begin() as session:
                    live.record_matches(session, [event])
                    time.sleep(seconds)
            except Exception as error:
                if not is_transient(error):
                    raise
                time.sleep(0.1)
            else:
                self.told.append((person, event))
                return


@pytest.mark.timeout(900 if WHOLE else 120)
def test_nothing_is_lost_or_repeated_by_interruptions(database_of: Callable[[str, str], str], keys: KnownKeys, tmp_path: Path) -> None:
    people = [Person("donor") for _ in range(HEARERS)]
    with postgres.start(durable=False, is_kept=True) as server:
        create_and_migrate(server, "notify", "notify")
        with stage_of(lambda *_: server.url("notify", "notify"), keys, tmp_path) as stage:
            ports = kept_ports(tmp_path / "ports", 2)
            addresses = [stage.start(port) for port in ports]
            hearers = [stage.hear(addresses, person, comes_back=True) for person in people]
            for hearer in hearers:
                hearer.ready()
            teller = Teller(stage, people)
            teller.start()
            for _ in range(ROUNDS):
                stage.kill(addresses[0])
                time.sleep(0.3)
                stage.start(ports[0])
                for port, address in zip(ports, addresses, strict=True):
                    stage.stop(address)
                    stage.start(port)
                server.stop()
                time.sleep(0.3)
                server.start_again()
                time.sleep(1)
            teller.is_over.set()
            teller.join(30)
            time.sleep(1)
            wanted = {person.id: Counter(event.match_id for who, event in teller.told if who is person) for person in people}
            for person, hearer in zip(people, hearers, strict=True):
                hearer.wait(lambda one, person=person: Counter(ids(one.named("match"))) == wanted[person.id], 20)
            heard = {person.id: Counter(ids(hearer.named("match"))) for person, hearer in zip(people, hearers, strict=True)}
            came_back = sum(hearer.streams for hearer in hearers)
            for hearer in hearers:
                hearer.hang_up()
    lost = sum((wanted[one] - heard[one]).total() for one in wanted)
    repeated = sum((heard[one] - wanted[one]).total() for one in wanted)
    print({"told": len(teller.told), "streams": came_back, "lost": lost, "repeated": repeated})
    assert all(not hearer.named("reset") for hearer in hearers)
    assert (lost, repeated) == (0, 0)
    assert came_back >= 2 * HEARERS, "the interruptions reached the streams"
    assert len(teller.told) > 50
