"""HTTP operations on appointments of administrators and auditors."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, NothingIn, Region, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.appointments import actions, queries
from users.appointments.days import today
from users.appointments.model import Appointment
from users.appointments.rules import acts_on_appointment
from users.fields import APPOINTMENT_STATES, DISMISSAL_REASONS, ENDING_REASONS, OFFICES, Day, Phone

api = APIBlueprint("appointments", __name__)


class AppointmentIn(Strict):
    account_id = Id(metadata={"description": "the person to appoint: the id or the phone of a staff account"})
    phone = Phone(metadata={"description": "the person to appoint: the id or the phone of a staff account"})
    role = Choice(OFFICES, load_default="administrator")
    region = Region(required=True)
    valid_from = Day(metadata={"description": "first day in office, in Asia/Shanghai; by default the day of the confirmation"})
    valid_until = Day(metadata={"description": "last day in office, in Asia/Shanghai; without it the appointment has no end"})

    @validates_schema
    def require_days_to_come(self, data: dict[str, Any], **_: Any) -> None:
        if "valid_until" in data and data["valid_until"] < max(data.get("valid_from", today()), today()):
            raise ValidationError("out_of_range", "valid_until")

    @validates_schema
    def require_one_person(self, data: dict[str, Any], **_: Any) -> None:
        if ("account_id" in data) == ("phone" in data):
            raise ValidationError("wrong" if "phone" in data else "required", "account_id")


class AppointmentOut(Schema):
    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    state = Choice(APPOINTMENT_STATES, required=True)
    account_id = fields.UUID(required=True)
    name = fields.String(required=True)
    role = Choice(OFFICES, required=True)
    region = fields.String(required=True)
    appointed_by = fields.UUID(required=True, allow_none=True, metadata={"description": "who named them"})
    appointed_at = fields.AwareDateTime(required=True, metadata={"description": "when they were named"})
    answerable_to = fields.UUID(
        required=True, allow_none=True, metadata={"description": "who answers for the appointment now, and may end it"}
    )
    valid_from = fields.Date(required=True, allow_none=True)
    valid_until = fields.Date(required=True, allow_none=True)
    confirmed_at = fields.AwareDateTime(required=True, allow_none=True)
    began_at = fields.AwareDateTime(required=True, allow_none=True)
    dismissed_by = fields.UUID(required=True, allow_none=True)
    dismissed_at = fields.AwareDateTime(required=True, allow_none=True)
    reason = Choice(ENDING_REASONS, required=True, allow_none=True)
    allowed = AllowedOperations()


class DismissalIn(Strict):
    reason = Choice(DISMISSAL_REASONS, load_default="other")


class AppointeeOut(Schema):
    id = fields.UUID(required=True)
    state = Choice(APPOINTMENT_STATES, required=True)
    account_id = fields.UUID(required=True)
    name = fields.String(required=True)
    role = Choice(OFFICES, required=True)
    region = fields.String(required=True)


class DismissalOut(AppointmentOut):
    """An appointment that ended, with what its holder had appointed there: it passed to whoever ended it, or ended too after an abuse."""

    appointees = fields.List(fields.Nested(AppointeeOut), metadata={"description": "the first 500 of them"})


class AppointmentsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(APPOINTMENT_STATES, load_default="active")


AppointmentPage = page_of(AppointmentOut)


@api.post("/appointments")
@access(who=STAFF, x_view="region")
@api.input(AppointmentIn)
@api.output(AppointmentOut, 201)
def appoint_administrator(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Offer somebody an office in a region that the caller manages, or in a part of it. It counts once they confirm it."""
    return _answer(actions.appoint_administrator(session, caller, json_data), caller)


@api.get("/appointments")
@access(who=STAFF, x_view="region")
@api.input(AppointmentsIn, location="query")
@api.output(AppointmentPage)
def list_appointments(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the caller's own appointments and those in the regions that they manage, in the given state."""
    page = queries.list_appointments(session, caller, **query_data)
    return page | {"items": [_appointment_out(appointment, caller) for appointment in page["items"]]}


@api.get("/appointments/<uuid:appointment_id>")
@access(who=STAFF, x_view="region")
@api.output(AppointmentOut)
def get_appointment(session: Session, caller: Caller, appointment_id: UUID) -> Any:
    """Get an appointment in the regions that the caller manages, or the caller's own."""
    return _appointment_out(queries.get_appointment(session, caller, appointment_id), caller)


@api.post("/appointments/<uuid:appointment_id>/confirmation")
@access(who=STAFF, x_view="own", second_factor=False)
@api.input(NothingIn)
@api.output(AppointmentOut, 201)
def confirm_appointment(session: Session, caller: Caller, appointment_id: UUID, json_data: dict[str, Any]) -> Any:
    """Accept an office that was offered to the caller. It counts at once, or from its first valid day."""
    return _answer(actions.confirm_appointment(session, caller, appointment_id), caller)


@api.post("/appointments/<uuid:appointment_id>/refusal")
@access(who=STAFF, x_view="own", second_factor=False)
@api.input(NothingIn)
@api.output(AppointmentOut, 201)
def refuse_appointment(session: Session, caller: Caller, appointment_id: UUID, json_data: dict[str, Any]) -> Any:
    """Decline an office that was offered to the caller."""
    return _answer(actions.refuse_appointment(session, caller, appointment_id), caller)


@api.post("/appointments/<uuid:appointment_id>/dismissal")
@access(who=STAFF, x_view="region")
@api.input(DismissalIn)
@api.output(DismissalOut, 201)
def dismiss_administrator(session: Session, caller: Caller, appointment_id: UUID, json_data: dict[str, Any]) -> Any:
    """End an appointment, as a manager of a wider region, as whoever answers for it or as its holder.

    What its holder appointed there passes to the caller; when the holder resigns, to whoever answered for them. After an abuse it ends too.
    """
    ended = actions.dismiss_administrator(session, caller, appointment_id, json_data["reason"])
    shown, status, headers = _answer(ended.appointment, caller)
    return shown | {"appointees": [_appointee_out(one) for one in ended.appointees]}, status, headers


def _answer(appointment: Appointment, caller: Caller) -> Any:
    return _appointment_out(appointment, caller), 201, {"Location": f"/v1/appointments/{appointment.id}"}


def _appointment_out(appointment: Appointment, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "appointment", appointment.id, people=[appointment.account_id], region=appointment.region)
    more = {"name": appointment.account.name, "allowed": acts_on_appointment(caller, appointment, now(), today())}
    return {name: getattr(appointment, name) for name in AppointmentOut.names() if name not in more} | more


def _appointee_out(appointment: Appointment) -> dict[str, Any]:
    more = {"name": appointment.account.name}
    return {name: getattr(appointment, name) for name in AppointeeOut.names() if name not in more} | more
