"""Routes on which administrators of the whole country read, replay and drop a service's dead letters."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import Choice, Moment, NothingIn, Schema, Text
from chassis.http.pagination import PageIn, page, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.messaging import dead_letters
from chassis.messaging.dead_letters import DROPPED, PARKED, REPLAYED, DeadLetter
from chassis.messaging.redaction import redact
from chassis.problems import not_allowed, not_found

F = TypeVar("F", bound=Callable[..., Any])
STATES = {PARKED: ("待处理", "parked"), REPLAYED: ("已重放", "replayed"), DROPPED: ("已丢弃", "dropped")}


class DeadLetterOut(Schema):
    """An event that a listener could not handle, and its state since."""

    id = fields.UUID(required=True)
    queue = fields.String(required=True)
    event = fields.String(required=True, attribute="name")
    event_id = fields.UUID(required=True, allow_none=True)
    recorded_at = fields.AwareDateTime(required=True, allow_none=True)
    reason = fields.String(required=True, metadata={"description": "an error's type, `unreadable` or `delivery_limit`"})
    attempts = fields.Integer(required=True)
    parked_at = fields.AwareDateTime(required=True)
    state = Choice(STATES, required=True)
    settled_at = fields.AwareDateTime(required=True, allow_none=True)
    settled_by = fields.UUID(required=True, allow_none=True)


class DeadLetterShownOut(DeadLetterOut):
    """A dead letter with its redacted fields."""

    fields_shown = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True,
        metadata={"description": "for each field of the event: its value if it is an id, a code, a time or a small number; else its kind"},
    )  # fmt: skip


class DeadLettersIn(PageIn):
    """Filters of the list of dead letters."""

    event = Text(100, pattern="[a-z_]+")
    reason = Text(100, pattern="[A-Za-z_]+")
    state = Choice(STATES, load_default=PARKED)
    parked_after = Moment()
    parked_before = Moment()


def blueprint(service: str) -> APIBlueprint:
    """Return the routes `/v1/<service>/dead-letters…`; `operationId`s contain the service's name, so that they are unique."""
    api = APIBlueprint("dead_letters", __name__, url_prefix=f"/v1/{service}/dead-letters")
    dead_letter_page = page_of(DeadLetterOut)

    def route(name: str) -> Callable[[F], Callable[..., Any]]:
        def decorate(function: F) -> Callable[..., Any]:
            function.__name__ = name.format(service)
            return access(who=STAFF, x_view="region")(function)

        return decorate

    @api.get("")
    @route("list_{}_dead_letters")
    @api.input(DeadLettersIn, location="query")
    @api.output(dead_letter_page)
    def list_letters(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
        """List the events that could not be handled, newest first."""
        _check_reader(caller)
        paging = {name: query_data.pop(name) for name in ("cursor", "limit") if name in query_data}
        return page(session, dead_letters.select_letters(**query_data), DeadLetter.id, **paging)

    @api.get("/<uuid:letter_id>")
    @route("get_{}_dead_letter")
    @api.output(DeadLetterShownOut)
    def get_letter(session: Session, caller: Caller, letter_id: UUID) -> Any:
        """Get a dead letter with its redacted fields."""
        _check_reader(caller)
        letter = session.get(DeadLetter, letter_id)
        if letter is None:
            raise not_found()
        return _shown(letter, caller)

    @api.post("/<uuid:letter_id>/replay")
    @route("replay_{}_dead_letter")
    @api.input(NothingIn)
    @api.output(DeadLetterShownOut, 202)
    def replay_letter(session: Session, caller: Caller, letter_id: UUID, json_data: dict[str, Any]) -> Any:
        """Send the event to its handler once more. If it fails again, it becomes another dead letter."""
        _check(caller)
        letter = dead_letters.replay(session, letter_id, caller.id)
        return _shown(letter, caller), 202, {"Location": f"/v1/{service}/dead-letters/{letter.id}"}

    @api.post("/<uuid:letter_id>/dropping")
    @route("drop_{}_dead_letter")
    @api.input(NothingIn)
    @api.output(DeadLetterShownOut, 201)
    def drop_letter(session: Session, caller: Caller, letter_id: UUID, json_data: dict[str, Any]) -> Any:
        """Drop a dead letter: its content is deleted, its row stays for 90 days."""
        _check(caller)
        letter = dead_letters.drop(session, letter_id, caller.id)
        return _shown(letter, caller), 201, {"Location": f"/v1/{service}/dead-letters/{letter.id}"}

    return api


def _check(caller: Caller) -> None:
    if "" not in caller.regions:
        raise not_allowed()


def _check_reader(caller: Caller) -> None:
    if "" not in (*caller.regions, *caller.audited_regions):
        raise not_allowed()


def _shown(letter: DeadLetter, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "dead_letter", letter.id, people=[], region="", masked=True)
    whole = {column.key: getattr(letter, column.key) for column in DeadLetter.__table__.columns if column.key != "body"}
    return whole | {"fields_shown": redact(letter.name, letter.body)}
