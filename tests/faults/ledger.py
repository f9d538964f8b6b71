"""A ledger of a campaign, counted from the databases and the broker alone, without the code that did the work."""

import json
import time
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import amqp
import psycopg

CATALOGUE = Path(__file__).resolve().parents[2] / "contracts"
Events = dict[str, tuple[str, str, int, dict[str, Any]]]
"""By the event's id: its name, its subject, its version, its body."""

ACTIVE = "state IN ('proposed', 'accepted')"
OVER_ALLOCATED = f"""
    SELECT count(*) FROM (
        SELECT need_id FROM matches JOIN needs ON needs.id = need_id WHERE {ACTIVE}
        GROUP BY need_id, needs.quantity HAVING sum(matches.quantity) > needs.quantity
        UNION ALL
        SELECT pledge_id FROM matches JOIN pledges ON pledges.id = pledge_id WHERE {ACTIVE}
        GROUP BY pledge_id, pledges.quantity HAVING sum(matches.quantity) > pledges.quantity
    ) AS over
"""
UNMATCHED_PAIRS = f"""
    WITH active AS MATERIALIZED (SELECT * FROM matches WHERE {ACTIVE}),
    need AS MATERIALIZED (
        SELECT * FROM needs WHERE NOT ended
          AND quantity > (SELECT coalesce(sum(active.quantity), 0) FROM active WHERE need_id = needs.id)
    ),
    pledge AS MATERIALIZED (
        SELECT * FROM pledges WHERE NOT ended AND valid_until > now()
          AND quantity > (SELECT coalesce(sum(active.quantity), 0) FROM active WHERE pledge_id = pledges.id)
    )
    SELECT count(*) FROM need JOIN pledge
      ON need.unit = pledge.unit AND (need.category = pledge.category OR need.category LIKE pledge.category || '.%')
     AND need.region LIKE pledge.scope || '%'
    WHERE NOT EXISTS (SELECT FROM matches WHERE need_id = need.id AND pledge_id = pledge.id AND barred)
"""
STATED = {
    ("matching", "need"): "SELECT id, version FROM needs",
    ("matching", "pledge"): "SELECT id, version FROM pledges",
    ("needs", "match"): "SELECT id, version FROM matches",
    ("needs", "pledge"): "SELECT id, released_version FROM pledges",
    ("needs", "household"): "SELECT id, version FROM households",
    ("needs", "balance"): "SELECT id, version FROM balances",
    ("notify", "need"): "SELECT about, max(about_version) FROM notices WHERE kind LIKE 'need%' GROUP BY about",
    ("notify", "match"): (
        "SELECT about, max(about_version) FROM notices WHERE kind LIKE 'match%' GROUP BY about HAVING count(DISTINCT side) = 2"
    ),
    ("insight", "need"): "SELECT id, greatest(version, CASE WHEN day IS NULL THEN 0 ELSE 2 END) FROM needs",
    ("insight", "match"): "SELECT id, version FROM matches",
    ("insight", "household"): "SELECT id, version FROM households",
    ("insight", "user"): "SELECT id, version FROM people",
    ("notify", "pledge"): "SELECT about, max(about_version) FROM notices WHERE kind LIKE 'pledge%' GROUP BY about",
}
"""The version of each thing that a listener's tables show, by the listener and the first word of the event's name."""

APPOINTED = "SELECT id, version FROM appointments"
ITEMS = "SELECT id, version FROM item_words"
STREAMED = {"balance_changed", "need_figures_changed", "match_corrected"}
"""Events of which notify makes no notice; it keeps the latest of each thing for its streams."""
LATEST = "SELECT subject, max(version) FROM live_changes GROUP BY subject"
TWICE = {
    "witness": "SELECT count(*) - count(DISTINCT (name, subject, version)) FROM seen",
    "notify": "SELECT count(*) - count(DISTINCT (about, recipient_id, side, kind, about_version)) FROM notices",
}
PUBLISHED_TWICE = "SELECT count(*) - count(DISTINCT id) FROM (SELECT id FROM journal UNION ALL SELECT id FROM outbox) AS published"


class Ledger:
    """Reads the given services' databases; `hears` names listeners beside those of the committed catalogue."""

    def __init__(self, urls: Mapping[str, str], broker_url: str, hears: Mapping[str, Collection[str]]) -> None:
        self._urls = urls
        self._broker = broker_url
        catalogued: dict[str, list[str]] = json.loads((CATALOGUE / "contracts/listeners.json").read_text())
        self._producers = {path.stem: path.parent.name for path in (CATALOGUE / "schemas").glob("*/*.json")}
        self._listeners = {
            event: sorted({one for one in [*catalogued.get(event, ()), *hears.get(event, ())] if one in urls})
            for event, producer in self._producers.items()
            if producer in urls
        }

    def is_quiet(self, seconds: float = 3) -> bool:
        """Return True when outboxes, queues and clearing queue are empty and nothing moved for some seconds."""
        before = self.moving()
        if any(before[:3]):
            return False
        time.sleep(seconds)
        return before == self.moving()

    def count(self, written: Collection[str]) -> dict[str, int]:
        """Count the figures; `written` are the ids of events whose commits the driver saw."""
        published = {service: self._events(service) for service in self._urls}
        return {
            "events": sum(len(events) for events in published.values()),
            "lost": self._lost(published, written),
            "twice": self._twice(published),
            "over_allocated": self._ask("matching", OVER_ALLOCATED) if "matching" in self._urls else 0,
            "left_in_retry": self._waiting("", ".retry"),
            "left_in_dead": self._waiting(".dead") + sum(map(self._dead_letters, self._urls)),
            "unmatched_pairs": self._ask("matching", UNMATCHED_PAIRS) if "matching" in self._urls else 0,
        }

    def _lost(self, published: Mapping[str, Events], written: Collection[str]) -> int:
        known = {event for events in published.values() for event in events}
        lost = len(set(written) - known)
        lost += sum(len(self._unheard(event, published[self._producers[event]])) for event in self._listeners)
        lost += self._rows_without_event("needs", "SELECT id FROM needs WHERE published_at IS NOT NULL", published, "need_published")
        lost += self._rows_without_event("needs", "SELECT id FROM pledges", published, "pledge_offered")
        lost += self._rows_without_event("matching", "SELECT id FROM matches WHERE reasons <> '[]'", published, "match_proposed")
        lost += self._rows_without_event("notify", "SELECT id FROM notices WHERE channel = 'in_app'", published, "notice_delivered")
        for service in self._urls:
            heard = {str(event) for (event,) in self._rows(service, "SELECT event_id FROM inbox")}
            lost += len(heard - known)
        return lost

    def _unheard(self, name: str, published: Events) -> set[tuple[str, str]]:
        """Return events that a listener did not handle or that left no trace in its tables."""
        missing = set()
        wanted = {event: (subject, version, body) for event, (named, subject, version, body) in published.items() if named == name}
        for listener in self._listeners[name] if wanted else ():
            handler = f"{self._producers[name]}.{name}"
            heard = {str(event) for (event,) in self._rows(listener, "SELECT event_id FROM inbox WHERE handler = %s", (handler,))}
            effects = self._effects(listener, name)
            for event, (subject, version, body) in wanted.items():
                if event not in heard or (effects.get(subject, 0) < version and _leaves_a_trace(listener, name, body)):
                    missing.add((listener, event))
        return missing

    def _effects(self, listener: str, name: str) -> dict[str, int]:
        if listener == "witness":
            rows = self._rows(listener, "SELECT subject, max(version) FROM seen WHERE name = %s GROUP BY subject", (name,))
        elif listener == "notify" and name in STREAMED:
            rows = self._rows(listener, LATEST)
        else:
            thing = name.partition("_")[0]
            rows = self._rows(listener, ITEMS if thing == "catalogue" else STATED.get((listener, thing), APPOINTED))
        return {str(subject): version for subject, version in rows}

    def _twice(self, published: Mapping[str, Events]) -> int:
        twice = sum(self._ask(service, query) for service, query in TWICE.items() if service in self._urls)
        for service in self._urls:
            twice += self._ask(service, PUBLISHED_TWICE)
            # A change of a pledge is answered once, though each answer has a version of its own.
            restated = Counter(
                (name, subject, body.get("answers", version)) for name, subject, version, body in published[service].values()
            )
            twice += sum(restated.values()) - len(restated)
        return twice

    def _rows_without_event(self, service: str, query: str, published: Mapping[str, Events], name: str) -> int:
        if service not in self._urls:
            return 0
        subjects = {subject for named, subject, _, _ in published[service].values() if named == name}
        return len({str(row) for (row,) in self._rows(service, query)} - subjects)

    def _events(self, service: str) -> Events:
        rows = self._rows(
            service, "SELECT id, name, subject, version, body FROM journal UNION ALL SELECT id, name, subject, version, body FROM outbox"
        )
        return {str(id_): (name, str(subject), version, json.loads(body)) for id_, name, subject, version, body in rows}

    def moving(self) -> tuple[int, int, int, int, int]:
        """Count unpublished events, clearing queue entries, queued messages, handled events and published events."""
        unpublished = sum(self._ask(service, "SELECT count(*) FROM outbox") for service in self._urls)
        to_clear = self._ask("matching", "SELECT count(*) FROM to_clear") if "matching" in self._urls else 0
        heard = sum(self._ask(service, "SELECT count(*) FROM inbox") for service in self._urls)
        published = sum(self._ask(service, "SELECT count(*) FROM journal") for service in self._urls)
        return unpublished, to_clear, self._waiting("", ".retry"), heard, published

    def _waiting(self, *suffixes: str) -> int:
        """Count the messages in queues of these kinds; missing queues hold none."""
        user, _, rest = self._broker.removeprefix("amqp://").partition("@")
        name, _, password = user.partition(":")
        host, _, vhost = rest.partition("/")
        waiting = 0
        with amqp.Connection(host, userid=name, password=password, virtual_host=unquote(vhost) or "/") as connection:
            channel = connection.channel()
            for event, listeners in self._listeners.items():
                for queue in (f"{one}.{self._producers[event]}.{event}.v1{suffix}" for one in listeners for suffix in suffixes):
                    try:
                        waiting += int(channel.queue_declare(queue, passive=True).message_count)
                    except amqp.NotFound:
                        # The broker has closed the channel.
                        channel = connection.channel()
                        if not queue.endswith(".dead"):
                            raise
        return waiting

    def _dead_letters(self, service: str) -> int:
        stands = self._ask(service, "SELECT (to_regclass('dead_letters') IS NOT NULL)::int")
        return self._ask(service, "SELECT count(*) FROM dead_letters") if stands else 0

    def _ask(self, service: str, query: str) -> int:
        return int(self._rows(service, query)[0][0])

    def _rows(self, service: str, query: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with psycopg.connect(self._urls[service], autocommit=True) as connection:
            return connection.execute(query, parameters or None).fetchall()  # type: ignore[arg-type]


def _leaves_a_trace(listener: str, name: str, body: Mapping[str, Any]) -> bool:
    """Return whether a listener's tables show an event.

    Nobody gets a notice of their own act, so a withdrawal by the agent of a household without an account leaves none. Of a pledge,
    insight keeps only the day of its pledger's act.
    """
    if listener == "insight" and name.startswith("pledge_"):
        return False
    return not (listener == "notify" and name == "need_withdrawn" and body["withdrawn_by"] == body["poster_id"] and not body["account_id"])
