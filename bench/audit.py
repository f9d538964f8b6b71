"""An audit of a run, counted from the databases and the broker alone, without the code that did the work."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import amqp
import psycopg

CATALOGUE = Path(__file__).parent.parent / "contracts"
SERVICES = ("users", "needs", "matching", "notify")

FITS = """
    need.unit = pledge.unit AND (need.category = pledge.category OR need.category LIKE pledge.category || '.%')
    AND need.region LIKE pledge.scope || '%'
"""
MATCHING = {
    "matches": "SELECT count(*) FROM matches WHERE state IN ('proposed', 'accepted')",
    "units_pledged": "SELECT coalesce(sum(quantity), 0) FROM pledges",
    "units_matched": "SELECT coalesce(sum(quantity), 0) FROM matches WHERE state IN ('proposed', 'accepted')",
    "needs_helped": "SELECT count(DISTINCT need_id) FROM matches WHERE state = 'accepted'",
    "needs_helpable": f"SELECT count(*) FROM needs need WHERE EXISTS (SELECT FROM pledges pledge WHERE {FITS})",
    "matchable_left": f"""
        WITH active AS NOT MATERIALIZED (SELECT * FROM matches WHERE state IN ('proposed', 'accepted')),
        need AS MATERIALIZED (
            SELECT * FROM needs WHERE NOT ended
              AND quantity > (SELECT coalesce(sum(active.quantity), 0) FROM active WHERE need_id = needs.id)
        ),
        pledge AS MATERIALIZED (
            SELECT * FROM pledges WHERE NOT ended AND valid_until > now()
              AND quantity > (SELECT coalesce(sum(active.quantity), 0) FROM active WHERE pledge_id = pledges.id)
        )
        SELECT count(*) FROM need JOIN pledge ON {FITS}
        WHERE NOT EXISTS (SELECT FROM matches WHERE need_id = need.id AND pledge_id = pledge.id AND state IN ('refused', 'lapsed'))
    """,
    "over_allocated": """
        SELECT count(*) FROM (
            SELECT need_id FROM matches JOIN needs ON needs.id = need_id WHERE state IN ('proposed', 'accepted')
            GROUP BY need_id, needs.quantity HAVING sum(matches.quantity) > needs.quantity
            UNION ALL
            SELECT pledge_id FROM matches JOIN pledges ON pledges.id = pledge_id WHERE state IN ('proposed', 'accepted')
            GROUP BY pledge_id, pledges.quantity HAVING sum(matches.quantity) > pledges.quantity
        ) AS over
    """,
}
TOLD_BOTH_SIDES = (
    "SELECT count(*) FROM (SELECT about FROM notices WHERE about = ANY(%s) GROUP BY about HAVING count(DISTINCT side) = 2) AS notified"
)


class Audit:
    """Reads the databases and queues of one stack, given by its environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._urls = {name: environment[f"{name.upper()}_DATABASE_URL"].replace("+psycopg", "") for name in SERVICES}
        self._broker = environment["BROKER_URL"]

    def is_quiet(self, seconds: float = 2) -> bool:
        """Return True when outboxes, queues and clearing queue are empty and nothing was published for some seconds."""
        before = self._moving()
        if any(before[:3]):
            return False
        time.sleep(seconds)
        return before == self._moving()

    def count(self) -> dict[str, int]:
        """Count the figures of a run; `notices` counts those about matches. Raises when a side of a match got no notice."""
        counted = {name: int(self._ask("matching", query)) for name, query in MATCHING.items()}
        counted["dead"] = sum(int(self._ask(name, "SELECT count(*) FROM dead_letters WHERE state = 'parked'")) for name in SERVICES)
        matches = [row[0] for row in self._rows("matching", "SELECT id FROM matches")]
        both = int(self._rows("notify", TOLD_BOTH_SIDES, (matches,))[0][0])
        if both != len(matches):
            raise AssertionError(f"of {len(matches)} matches {both} reached both sides")
        counted["notices"] = int(self._ask("notify", "SELECT count(*) FROM notices WHERE kind LIKE 'match%'"))
        counted["events"] = sum(int(self._ask(name, "SELECT count(*) FROM journal")) for name in SERVICES)
        return counted

    def _moving(self) -> tuple[int, int, int, int]:
        unpublished = sum(int(self._ask(name, "SELECT count(*) FROM outbox")) for name in SERVICES)
        to_clear = int(self._ask("matching", "SELECT count(*) FROM to_clear"))
        heard = sum(int(self._ask(name, "SELECT count(*) FROM inbox")) for name in SERVICES)
        return unpublished, to_clear, self._waiting(), heard

    def _waiting(self) -> int:
        """Count the messages in all queues of the services."""
        user, _, rest = self._broker.removeprefix("amqp://").partition("@")
        name, _, password = user.partition(":")
        host, _, vhost = rest.partition("/")
        waiting = 0
        with amqp.Connection(host, userid=name, password=password, virtual_host=unquote(vhost) or "/") as connection:
            channel = connection.channel()
            for queue in self._queues():
                for suffix in ("", ".retry"):
                    waiting += int(channel.queue_declare(queue + suffix, passive=True).message_count)
        return waiting

    def _queues(self) -> list[str]:
        """List the queues of all services from the committed catalogue of events."""
        listeners = json.loads((CATALOGUE / "contracts/listeners.json").read_text())
        producers = {path.stem: path.parent.name for path in (CATALOGUE / "schemas").glob("*/*.json")}
        return [f"{listener}.{producers[event]}.{event}.v1" for event, names in listeners.items() for listener in names]

    def _ask(self, service: str, query: str) -> Any:
        return self._rows(service, query)[0][0]

    def _rows(self, service: str, query: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with psycopg.connect(self._urls[service], autocommit=True) as connection:
            return connection.execute(query, parameters or None).fetchall()
