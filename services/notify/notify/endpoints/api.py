"""HTTP routes of endpoints: webhooks and bots of an office or an account."""

from functools import cache
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import NEVER, AllowedOperations, Choice, Code, Name, NothingIn, Region, Schema, Strict, Text, Whole
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from contracts.notices import kinds
from notify.endpoints import actions, queries, rules
from notify.endpoints.model import Endpoint
from notify.settings import EndpointSettings
from notify.words import LANGUAGE_LABELS

api = APIBlueprint("endpoints", __name__)
HOLDERS = STAFF | {"organisation", "merchant"}
KINDS = kinds() | {"endpoint_test": ("测试消息", "a test")}
MESSAGE_STATES = {
    "created": ("等待发送", "waiting"),
    "sending": ("正在发送", "being sent"),
    "delivered": ("已送达", "delivered"),
    "temporary-failure": ("暂时失败", "failed for now"),
    "permanent-failure": ("此地址无法送达", "this address takes nothing"),
    "technical-failure": ("平台故障", "fault of the platform"),
    "withdrawn": ("未发送", "not sent"),
}
ADDRESS = r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?"


class KindList(fields.List[str]):
    """Kinds of notices, each once at most."""

    default_error_messages = NEVER | {"invalid": "wrong"}

    def __init__(self, **options: Any) -> None:
        most = validate.Length(1, len(kinds()), error="wrong")
        super().__init__(Choice(kinds()), validate=most, **options)


class EndpointIn(Strict):
    channel = Choice(rules.CHANNELS, required=True)
    name = Name(100, required=True, metadata={"description": "by which its holder knows it"})
    address = Text(
        500,
        pattern=ADDRESS,
        required=True,
        metadata={"description": "of a webhook; of a bot the whole one, with its key", "example": "https://hooks.example.org/duijie"},
    )
    kinds = KindList(required=True, metadata={"description": "the notices that it gets"})
    language = Choice(LANGUAGE_LABELS, load_default="zh-CN")
    region = Region(rules.OFFICES, metadata={"description": "whose office has it; administrators name one, accounts do not"})
    bot_secret = Text(
        100,
        pattern=r"[A-Za-z0-9_=+/-]+",
        metadata={"description": "with which a bot of DingTalk (加签) or Feishu (签名校验) checks letters"},
    )


class EndpointChangeIn(Strict):
    name = Name(100)
    kinds = KindList()
    language = Choice(LANGUAGE_LABELS)

    @validates_schema
    def require_a_change(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("required")


class EndpointProofIn(Strict):
    code = Code("[0-9A-Za-z]{8}", dropped="-", required=True, metadata={"description": "that the test brought to the endpoint"})


class SecretRotationIn(Strict):
    overlap_hours = Whole(
        0, 168, load_default=24, metadata={"description": "hours for which the secret before signs too; 0 when it has become known"}
    )


class EndpointOut(Schema):
    """A webhook or a bot that gets notices. Its address and its secrets are shown to nobody."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    channel = Choice(rules.CHANNELS, required=True)
    name = fields.String(required=True)
    host = fields.String(required=True, metadata={"description": "the host of its address"})
    kinds = fields.List(Choice(kinds()), required=True)
    language = Choice(LANGUAGE_LABELS, required=True)
    region = fields.String(required=True, allow_none=True, metadata={"description": "of the office; null for one of the caller's account"})
    state = Choice(rules.STATES, required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "the last failure before it was disabled"})
    former_until = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "until when the secret before signs too; null without one"}
    )
    created_at = fields.AwareDateTime(required=True)
    proven_at = fields.AwareDateTime(required=True, allow_none=True)
    disabled_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


class EndpointSecretOut(EndpointOut):
    """An endpoint with a fresh secret, which is shown this once."""

    secret = fields.String(
        metadata={"description": "of a webhook, `whsec_…`; missing for a bot, and when an `Idempotency-Key` is sent again"}
    )


class ResentDeliveriesOut(EndpointOut):
    resent = fields.Integer(metadata={"description": "number of deliveries; missing when an `Idempotency-Key` is sent again"})


class EndpointDeliveryOut(Schema):
    """A message that an endpoint was sent, or that waits for it. The last week's are kept."""

    id = fields.UUID(required=True, metadata={"description": "its `webhook-id`"})
    kind = Choice(KINDS, required=True)
    state = Choice(MESSAGE_STATES, required=True)
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "of the last failure: `http.500`, `timeout`, `bot.93000`"}
    )
    attempts = fields.Integer(required=True)
    doubts = fields.Integer(required=True, metadata={"description": "attempts of which nobody can tell whether they arrived"})
    created_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True, metadata={"description": "of the next attempt, unless it is settled"})
    settled_at = fields.AwareDateTime(required=True, allow_none=True)


@api.post("/endpoints")
@access(who=HOLDERS, x_view="own")
@api.input(EndpointIn)
@api.output(EndpointSecretOut, 201)
def register_endpoint(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Register a webhook or a bot: for an office, as its administrator, or for the caller's own organisation. It is sent a test."""
    endpoint, secret = actions.register_endpoint(session, caller, json_data, _settings())
    return _with_secret(endpoint, caller, secret), 201, _location(endpoint)


@api.get("/endpoints")
@access(who=HOLDERS, x_view="own")
@api.input(PageIn, location="query")
@api.output(page_of(EndpointOut))
def list_endpoints(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the endpoints of the caller's regions, or of the caller's own account, newest first."""
    found = queries.list_endpoints(session, caller, **query_data)
    return found | {"items": [_shown(one, caller) for one in found["items"]]}


@api.get("/endpoints/<uuid:endpoint_id>")
@access(who=HOLDERS, x_view="own")
@api.output(EndpointOut)
def get_endpoint(session: Session, caller: Caller, endpoint_id: UUID) -> Any:
    """Get an endpoint."""
    return _shown(queries.get_endpoint(session, caller, endpoint_id), caller)


@api.patch("/endpoints/<uuid:endpoint_id>")
@access(who=HOLDERS, x_view="own")
@api.input(EndpointChangeIn)
@api.output(EndpointOut)
def change_endpoint(session: Session, caller: Caller, endpoint_id: UUID, json_data: dict[str, Any]) -> Any:
    """Change the name, the kinds or the language of an endpoint. For another address, register another one."""
    return _shown(actions.change_endpoint(session, caller, endpoint_id, json_data), caller)


@api.delete("/endpoints/<uuid:endpoint_id>")
@access(who=HOLDERS, x_view="own")
@api.output({}, 204)
def remove_endpoint(session: Session, caller: Caller, endpoint_id: UUID) -> Any:
    """Remove an endpoint with its address and secrets. What waits for it is not sent."""
    _shown(actions.remove_endpoint(session, caller, endpoint_id), caller)
    return "", 204


@api.post("/endpoints/<uuid:endpoint_id>/tests")
@access(who=HOLDERS, x_view="own")
@api.input(NothingIn)
@api.output(EndpointOut, 201)
def test_endpoint(session: Session, caller: Caller, endpoint_id: UUID, json_data: dict[str, Any]) -> Any:
    """Send a test to an endpoint, with a code unless it is in use."""
    endpoint = actions.test_endpoint(session, caller, endpoint_id)
    return _shown(endpoint, caller), 201, _location(endpoint)


@api.post("/endpoints/<uuid:endpoint_id>/proof")
@access(who=HOLDERS, x_view="own")
@api.input(EndpointProofIn)
@api.output(EndpointOut, 201)
def prove_endpoint(session: Session, caller: Caller, endpoint_id: UUID, json_data: dict[str, Any]) -> Any:
    """Put an endpoint to use, with the code that the test brought there."""
    endpoint = actions.prove_endpoint(session, caller, endpoint_id, json_data["code"])
    return _shown(endpoint, caller), 201, _location(endpoint)


@api.post("/endpoints/<uuid:endpoint_id>/secret")
@access(who=HOLDERS, x_view="own")
@api.input(SecretRotationIn)
@api.output(EndpointSecretOut, 201)
def rotate_endpoint_secret(session: Session, caller: Caller, endpoint_id: UUID, json_data: dict[str, Any]) -> Any:
    """Give a webhook a new secret. The one before signs too, until the overlap is over."""
    endpoint, secret = actions.rotate_secret(session, caller, endpoint_id, **json_data)
    return _with_secret(endpoint, caller, secret), 201, _location(endpoint)


@api.get("/endpoints/<uuid:endpoint_id>/deliveries")
@access(who=HOLDERS, x_view="own")
@api.input(PageIn, location="query")
@api.output(page_of(EndpointDeliveryOut))
def list_endpoint_deliveries(session: Session, caller: Caller, endpoint_id: UUID, query_data: dict[str, Any]) -> Any:
    """List what an endpoint was sent in the last week, and what waits for it, newest first."""
    return queries.list_deliveries(session, caller, endpoint_id, **query_data)


@api.post("/endpoints/<uuid:endpoint_id>/resending")
@access(who=HOLDERS, x_view="own")
@api.input(NothingIn)
@api.output(ResentDeliveriesOut, 201)
def resend_deliveries(session: Session, caller: Caller, endpoint_id: UUID, json_data: dict[str, Any]) -> Any:
    """Send again what did not reach an endpoint in the last week."""
    endpoint, resent = actions.resend_deliveries(session, caller, endpoint_id)
    return _shown(endpoint, caller) | {"resent": resent}, 201, _location(endpoint)


@cache
def _settings() -> EndpointSettings:
    return EndpointSettings.of_environment()


def _location(endpoint: Endpoint) -> dict[str, str]:
    return {"Location": f"/v1/endpoints/{endpoint.id}"}


def _with_secret(endpoint: Endpoint, caller: Caller, secret: str | None) -> dict[str, Any]:
    return _shown(endpoint, caller) | ({"secret": secret} if secret else {})


def _shown(endpoint: Endpoint, caller: Caller) -> dict[str, Any]:
    # Nobody's data: changes are recorded, looks are not.
    note_shown(caller, "endpoint", endpoint.id, people=[endpoint.owner_id], region=endpoint.region or "", masked=True)
    allowed = rules.acts_on_endpoint(endpoint, manages=queries.manages(endpoint, caller))
    return {name: getattr(endpoint, name) for name in EndpointOut.names() if name != "allowed"} | {"allowed": allowed}
