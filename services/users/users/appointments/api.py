"""HTTP operations on appointments of administrators."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, NothingIn, Region, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from users.appointments import actions, queries
from users.appointments.model import Appointment
from users.appointments.rules import acts_on_appointment
from users.fields import APPOINTMENT_STATES, Phone

api = APIBlueprint("appointments", __name__)


class AppointmentIn(Strict):
    account_id = Id(metadata={"description": "the person to appoint: the id or the phone of a staff account"})
    phone = Phone(metadata={"description": "the person to appoint: the id or the phone of a staff account"})
    region = Region(required=True)

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
    region = fields.String(required=True)
    appointed_by = fields.UUID(required=True, allow_none=True)
    appointed_at = fields.AwareDateTime(required=True)
    dismissed_by = fields.UUID(required=True, allow_none=True)
    dismissed_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


class AppointmentsIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    state = Choice(APPOINTMENT_STATES, load_default="active")


AppointmentPage = page_of(AppointmentOut)


@api.post("/appointments")
@access(who=STAFF, x_view="region")
@api.input(AppointmentIn)
@api.output(AppointmentOut, 201)
def appoint_administrator(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Appoint somebody to manage a region that the caller manages, or a part of it."""
    return _answer(actions.appoint_administrator(session, caller, json_data), caller)


@api.get("/appointments")
@access(who=STAFF, x_view="region")
@api.input(AppointmentsIn, location="query")
@api.output(AppointmentPage)
def list_appointments(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the appointments in the regions that the caller manages; with `state=dismissed`, those that have ended."""
    page = queries.list_appointments(session, caller, **query_data)
    return page | {"items": [_appointment_out(appointment, caller) for appointment in page["items"]]}


@api.get("/appointments/<uuid:appointment_id>")
@access(who=STAFF, x_view="region")
@api.output(AppointmentOut)
def get_appointment(session: Session, caller: Caller, appointment_id: UUID) -> Any:
    """Get an appointment in the regions that the caller manages, or the caller's own."""
    return _appointment_out(queries.get_appointment(session, caller, appointment_id), caller)


@api.post("/appointments/<uuid:appointment_id>/dismissal")
@access(who=STAFF, x_view="region")
@api.input(NothingIn)
@api.output(AppointmentOut, 201)
def dismiss_administrator(session: Session, caller: Caller, appointment_id: UUID, json_data: dict[str, Any]) -> Any:
    """End an appointment, as a manager of a wider region, as its maker or as its holder."""
    return _answer(actions.dismiss_administrator(session, caller, appointment_id), caller)


def _answer(appointment: Appointment, caller: Caller) -> Any:
    return _appointment_out(appointment, caller), 201, {"Location": f"/v1/appointments/{appointment.id}"}


def _appointment_out(appointment: Appointment, caller: Caller) -> dict[str, Any]:
    note_shown(caller, "appointment", appointment.id, people=[appointment.account_id], region=appointment.region)
    state = "dismissed" if appointment.dismissed_at else "active"
    more = {"state": state, "name": appointment.account.name, "allowed": acts_on_appointment(caller, appointment)}
    return {name: getattr(appointment, name) for name in AppointmentOut().fields if name not in more} | more
