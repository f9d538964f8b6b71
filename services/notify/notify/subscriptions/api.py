"""HTTP routes of subscriptions: the public key that a browser subscribes with, and a person's own browsers."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import AllowedOperations, Choice, Schema, Strict, Text
from chassis.http.routes import access
from notify.settings import PushSettings
from notify.subscriptions import actions, queries, rules
from notify.subscriptions.model import PushSubscription
from notify.subscriptions.problems import push_not_set
from notify.words import LANGUAGE_LABELS

api = APIBlueprint("subscriptions", __name__)
ENDPOINT = r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?"


class PushKeysIn(Strict):
    p256dh = Text(88, least=87, pattern="[A-Za-z0-9_-]{87}=?", required=True)
    auth = Text(24, least=22, pattern="[A-Za-z0-9_-]{22}(?:==)?", required=True)


class PushSubscriptionIn(Strict):
    endpoint = Text(1000, pattern=ENDPOINT, required=True, metadata={"description": "as the browser's `PushSubscription` states it"})
    keys = fields.Nested(PushKeysIn, required=True)
    language = Choice(LANGUAGE_LABELS, load_default="zh-CN")


class PushSubscriptionOut(Schema):
    """A browser that notices are pushed to. Its address and keys are shown to nobody."""

    id = fields.UUID(required=True)
    host = fields.String(required=True, metadata={"description": "the host of its push service"})
    language = Choice(LANGUAGE_LABELS, required=True)
    created_at = fields.AwareDateTime(required=True)
    allowed = AllowedOperations()


class PushSubscriptionsOut(Schema):
    items = fields.List(fields.Nested(PushSubscriptionOut), required=True)


class PushKeyOut(Schema):
    key = fields.String(required=True, metadata={"description": "`applicationServerKey` for `PushManager.subscribe()`"})


@api.get("/push-subscriptions/key")
@access(who=SIGNED_IN, x_view="public")
@api.output(PushKeyOut)
def get_push_key(session: Session, caller: Caller) -> Any:
    """Get the public key that a browser subscribes with. 404 `push_not_set` where the house pushes nothing."""
    return {"key": _settings().public_key}


@api.get("/push-subscriptions")
@access(who=SIGNED_IN, x_view="own")
@api.output(PushSubscriptionsOut)
def list_push_subscriptions(session: Session, caller: Caller) -> Any:
    """List the caller's own browsers that notices are pushed to, newest first."""
    return {"items": [_shown(one) for one in queries.list_own_subscriptions(session, caller)]}


@api.post("/push-subscriptions")
@access(who=SIGNED_IN, x_view="own", second_factor=False)
@api.input(PushSubscriptionIn)
@api.output(PushSubscriptionOut, 201)
def add_push_subscription(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Let notices be pushed to this browser. Sent again, it renews the keys; a sixth browser takes the place of the first."""
    subscription = actions.subscribe(session, caller, json_data, _settings())
    return _shown(subscription), 201, {"Location": f"/v1/push-subscriptions/{subscription.id}"}


@api.get("/push-subscriptions/<uuid:subscription_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(PushSubscriptionOut)
def get_push_subscription(session: Session, caller: Caller, subscription_id: UUID) -> Any:
    """Get one of the caller's own subscriptions."""
    return _shown(queries.get_own_subscription(session, caller, subscription_id))


@api.delete("/push-subscriptions/<uuid:subscription_id>")
@access(who=SIGNED_IN, x_view="own", second_factor=False)
@api.output({}, 204)
def remove_push_subscription(session: Session, caller: Caller, subscription_id: UUID) -> Any:
    """Push nothing to this browser any more."""
    actions.unsubscribe(session, caller, subscription_id)
    return "", 204


def _settings() -> PushSettings:
    """Return the settings of pushes. Raises `push_not_set` without a key."""
    settings = PushSettings.of_environment()
    if not settings.public_key:
        raise push_not_set()
    return settings


def _shown(one: PushSubscription) -> dict[str, Any]:
    host = rules.host_of(one.endpoint)
    return {"id": one.id, "host": host, "language": one.language, "created_at": one.created_at, "allowed": ["remove_push_subscription"]}
