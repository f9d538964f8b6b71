"""A stage for one service: its application on a database that is rolled back, people of every kind, and rows to act on."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from flask.testing import FlaskClient
from msgspec.structs import fields as fields_of
from msgspec.structs import replace

from chassis.data.database import new_id, now
from chassis.http.app import create_app
from chassis.http.auth import GIVERS, SIGNED_IN
from chassis.messaging.dead_letters import park
from chassis.messaging.events import handlers_of
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from contracts.event import Envelope, Event, encode, name_of, producer_of
from contracts.generate import example_of
from contracts.users import AdministratorAppointed, AdministratorDismissed, PersonErased
from users.sessions.tokens import SigningKeys

VILLAGE = "510903001001"
GENEROUS = {f"RATE_{what}": "1000000/second" for what in ("READS", "WRITES", "GUESTS", "SIGN_INS")}


@dataclass
class Stage:
    """`words` are good values of fields by their names, or functions that make one; `seen` is what somebody of a kind saw, by the list it
    stands in; `heard` are the ids that events named; `files` are good ones, by media type, or by operation where that one takes another;
    `recipes` are parameters and fields that are good only together, by operation and kind of user, "" for all. All lies in one village."""

    service: str
    database: RolledBack
    keys: SigningKeys
    village: str = VILLAGE
    people: dict[str, Person] = field(init=False)
    agent: Person = field(init=False)
    operator: Person = field(init=False)
    auditor: Person = field(init=False)
    client: Client = field(init=False)
    words: dict[str, list[Any]] = field(default_factory=dict)
    seen: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    heard: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, bytes] = field(default_factory=dict)
    recipes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.people = {kind: Person(kind) for kind in sorted(SIGNED_IN)}
        self.people["staff"] = administrator_of(self.database, self.village[:9])
        self.agent = administrator_of(self.database, self.village)
        self.operator = administrator_of(self.database, "")
        self.auditor = auditor_of(self.database, "")
        app = create_app(self.service, import_module(f"{self.service}.api").api, database=self.database, keys=self.keys)
        self.client = Client(app.test_client(), self.keys)  # type: ignore[arg-type]

    @property
    def flask(self) -> FlaskClient:
        return self.client.flask

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = self.flask.get(f"/openapi/{self.service}.json").json
        return document

    def person(self, kind: str, path: str = "") -> Person:
        """Return a person of the kind; one of the country for acts of counties and wider, dead letters, imports and the audit log.

        The village's own administrator prints its work list.
        """
        if kind == "staff" and path.endswith("/audit"):
            return self.auditor
        wide = ("/v1/appeals", "/v1/disputes", "/v1/organisations", "/v1/charities", "/v1/catalogue/rules")
        wide += ("/v1/samples", "/v1/reviewers", "/v1/review-settings")
        wide += ("/v1/messages/failure", "/v1/messages/resending", "/v1/notice-templates")
        if kind == "staff" and path == "/v1/work-list/paper":
            return self.agent
        is_of_all = "/dead-letters" in path or path.startswith(wide) or path in {"/v1/weights", "/v1/limits", "/v1/regions/imports"}
        return self.operator if kind == "staff" and is_of_all else self.people[kind]

    def token(self, kind: str, path: str = "") -> str:
        person = self.person(kind, path)
        return self.keys.token(person.id, person.kind, person.session_id, **person.claims)

    def park_something(self) -> None:
        """Park three events of the service's first subscription as dead letters."""
        subscription = handlers_of(import_module(f"{self.service}.worker").Worker)[0].subscription
        for _ in range(3):
            event = example_of(subscription.event)
            envelope = Envelope(
                id=new_id(),
                name=name_of(subscription.event),
                producer=producer_of(subscription.event),
                subject=event.subject,
                recorded_at=now(),
            )
            with self.database.begin() as session:
                park(session, subscription, envelope.headers() | {"content-type": "application/json"}, encode(event), "OperationalError", 4)

    def hear(self, *events: Event) -> None:
        """Handle events as a worker would."""
        worker = import_module(f"{self.service}.worker").Worker
        handlers = {handler.subscription.event: handler for handler in handlers_of(worker)}
        for event in events:
            handler = handlers[type(event)]
            with self.database.begin() as session:
                handler.list_handler(getattr(worker(), handler.method))(session, [event])
            for one in fields_of(event):
                if one.name.endswith("_id"):
                    self.heard[one.name].append(str(getattr(event, one.name)))

    def hear_of_everything(self) -> None:
        """Handle every event that the service listens to, about each giver, the household and the agent; nobody on stage is erased."""
        for handler in handlers_of(import_module(f"{self.service}.worker").Worker):
            event = handler.subscription.event
            if event not in {AdministratorAppointed, AdministratorDismissed, PersonErased}:
                for giver in sorted(GIVERS):
                    self.hear(self.about(event, giver))

    def about(self, event: type[Event], giver: str = "donor", **changes: Any) -> Any:
        """Make the example of an event about people on stage and a new subject."""
        example = example_of(event)
        people = {
            "pledger_id": self.people[giver].id,
            "account_id": self.people["household"].id,
            "recipient_id": self.people["household"].id,
            "poster_id": self.agent.id,
        }
        wanted: dict[str, Any] = {"region": self.village, "former_region": self.village} | people | changes
        wanted = {one.name: wanted[one.name] for one in fields_of(event) if one.name in wanted}
        subject = next(one.name for one in fields_of(event) if getattr(example, one.name) == example.subject)
        return replace(example, **({subject: new_id()} | wanted))

    def look_around(self) -> None:
        """Read every list as everybody, so that cases can use existing ids."""
        for path, operations in self.document()["paths"].items():
            if "get" in operations and "{" not in path and path.startswith("/v1/"):
                for kind in self.people:
                    self._look(path, kind)
        for kind, person in self.people.items():
            self.seen[kind, "/v1/accounts"].append({"id": str(person.id)})

    def _look(self, path: str, kind: str) -> None:
        answer = self.client.get(path, by=self.person(kind, path))
        items = (answer.json or {}).get("items", []) if answer.status_code == 200 else []
        self.seen[kind, collection_of(path)] += [item for item in items if "id" in item or "code" in item]

    def file_for(self, operation: str, media_types: Iterable[str]) -> tuple[str, bytes] | None:
        """Return a good file for an operation, with its media type, if the operation takes files."""
        media_type = next((one for one in media_types if one in self.files), None)
        return (media_type, self.files.get(operation, self.files[media_type])) if media_type else None

    def ids(self, kind: str, path: str, operation: str) -> list[str]:
        """Return rows that the person saw in a path's collection, those that allow the operation first."""
        items = sorted(self.seen[kind, collection_of(path)], key=lambda item: operation not in item.get("allowed", []))
        allowing = [item for item in items if operation in item.get("allowed", [])]
        return [str(item.get("id", item.get("code"))) for item in allowing or items] or [str(new_id())]

    def good(self, name: str, kind: str) -> list[Any]:
        """Return plausible values for a field of this name, if any are known."""
        if name in self.words:
            return [word() if callable(word) else word for word in self.words[name]]
        listed = f"/v1/{name.removesuffix('_id')}s"
        return self.ids(kind, listed, "") if self.seen.get((kind, listed)) else self.heard.get(name, [])


def collection_of(path: str) -> str:
    """Return the collection of a path: `/v1/needs`, `/v1/needs/dead-letters`."""
    parts = path.split("/")
    return "/".join(parts[: 4 if parts[3:4] == ["dead-letters"] else 3])
