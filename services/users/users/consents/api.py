"""HTTP operations on consents of households."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, HOUSEHOLD, STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Id, NothingIn, Schema, Strict, Text
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.problems import language
from users.consents import actions, queries
from users.consents.model import Consent
from users.consents.rules import PURPOSES, WAYS, acts_on_consent
from users.consents.texts import load_texts

api = APIBlueprint("consents", __name__)


class ConsentTextOut(Schema):
    """A text that people consent to, in the caller's language."""

    purpose = Choice(PURPOSES, required=True)
    text_version = fields.String(required=True)
    text = fields.String(required=True)
    present = fields.Boolean(required=True, metadata={"description": "true for the version that people are asked to consent to now"})


class ConsentTextsOut(Schema):
    items = fields.List(fields.Nested(ConsentTextOut), required=True)


class ConsentIn(Strict):
    household_id = Id(required=True)
    purpose = Choice(PURPOSES, required=True)
    text_version = Text(20, required=True, metadata={"description": "the present version that `GET /v1/consents/texts` lists"})
    way = Choice(
        WAYS, required=True, metadata={"description": "how the household consented; `signed_in` is for the household itself alone"}
    )


class ConsentOut(Schema):
    """A consent of a household."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    household_id = fields.UUID(required=True)
    purpose = Choice(PURPOSES, required=True)
    text_version = fields.String(required=True)
    way = Choice(WAYS, required=True)
    given_at = fields.AwareDateTime(required=True)
    recorded_by = fields.UUID(required=True)
    withdrawn_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


class ConsentsIn(PageIn):
    household_id = Id(metadata={"description": "only those of this household"})


ConsentPage = page_of(ConsentOut)


@api.get("/consents/texts")
@access(who=ANYONE, x_view="public")
@api.output(ConsentTextsOut)
def list_consent_texts(session: Session, caller: Caller | None) -> Any:
    """List the texts that people consent to, the present version of each purpose last."""
    return {
        "items": [
            {"purpose": purpose, "text_version": version, "text": words[language()], "present": version == list(versions)[-1]}
            for purpose, versions in load_texts().items()
            for version, words in versions.items()
        ]
    }


@api.get("/consents")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.input(ConsentsIn, location="query")
@api.output(ConsentPage)
def list_consents(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the consents of the caller's household, or those in the regions that the caller manages."""
    page = queries.list_consents(session, caller, **query_data)
    return page | {"items": [_consent_out(one, caller) for one in page["items"]]}


@api.get("/consents/<uuid:consent_id>")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.output(ConsentOut)
def get_consent(session: Session, caller: Caller, consent_id: UUID) -> Any:
    """Get a consent of the caller's household, or one in the regions that the caller manages."""
    return _consent_out(queries.get_consent(session, caller, consent_id), caller)


@api.post("/consents")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.input(ConsentIn)
@api.output(ConsentOut, 201)
def record_consent(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Record that a household consented: the household in its own account, or an administrator with a way that can be shown."""
    household_id = json_data.pop("household_id")
    return _answer(actions.record_consent(session, caller, household_id, json_data), caller)


@api.post("/consents/<uuid:consent_id>/withdrawal")
@access(who=HOUSEHOLD | STAFF, x_view="region")
@api.input(NothingIn)
@api.output(ConsentOut, 201)
def withdraw_consent(session: Session, caller: Caller, consent_id: UUID, json_data: dict[str, Any]) -> Any:
    """Withdraw a consent. What it allowed ends at once."""
    return _answer(actions.withdraw_consent(session, caller, consent_id), caller)


def _answer(consent: Consent, caller: Caller) -> Any:
    return _consent_out(consent, caller), 201, {"Location": f"/v1/consents/{consent.id}"}


def _consent_out(consent: Consent, caller: Caller) -> dict[str, Any]:
    household = consent.household
    note_shown(caller, "consent", consent.id, people=[household.account_id or household.id], region=household.region)
    allowed = acts_on_consent(caller, consent)
    return {name: getattr(consent, name) for name in ConsentOut.names() if name != "allowed"} | {"allowed": allowed}
