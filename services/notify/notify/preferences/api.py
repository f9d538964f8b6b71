"""HTTP routes of preferences: read and set one's own."""

from datetime import time
from typing import Any

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Schema, Strict, Text, Whole
from chassis.http.routes import access
from contracts.notices import kinds
from notify.preferences import actions, queries, rules
from notify.preferences.model import Preferences
from notify.words import LANGUAGE_LABELS

api = APIBlueprint("preferences", __name__)

KINDS = kinds()
CHANNELS = {
    "sms": ("短信", "SMS"),
    "email": ("电子邮件", "e-mail"),
    "push": ("浏览器推送", "web push"),
    "wechat": ("微信订阅消息", "WeChat subscription message"),
}
ZONES = {"Asia/Shanghai": ("北京时间", "Beijing time"), "Asia/Urumqi": ("新疆时间", "Xinjiang time")}
DIGESTS = {"daily": ("每天汇总一次", "once a day, together"), "never": ("逐条发送", "each by itself")}
CHOSEN = ("time_zone", "urgent_passes", "sms_per_day", "digest", "language")
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
DESCRIBED = {
    "channels": "channels over which notices may leave the app; the app itself shows all of them",
    "kinds": "channels of single kinds; a kind that is missing takes all of `channels`",
    "time_zone": "null is the time of one's region: Xinjiang time in Xinjiang, Beijing time elsewhere",
    "quiet_hours": "nothing leaves then but what is urgent; null is never",
    "urgent_passes": "whether urgent notices leave in quiet hours too; codes always do",
    "sms_per_day": "the most SMS of a day; urgent ones count, and leave anyway",
    "language": "of mails and WeChat messages; SMS are in Chinese, in texts that providers approved. What is left out stays as it is",
    "digest": "how notices leave that are not urgent: `daily` is together, at 8 in the morning",
}


class QuietHoursIn(Strict):
    since = Text(5, 5, CLOCK, required=True, metadata={"example": "22:00"})
    until = Text(5, 5, CLOCK, required=True, metadata={"example": "07:00"})

    @validates_schema
    def check_length(self, data: dict[str, Any], **_: Any) -> None:
        if data["since"] == data["until"]:
            raise ValidationError("wrong", "until")


class KindChannelsIn(Strict):
    kind = Choice(KINDS, required=True)
    channels = fields.List(Choice(CHANNELS), required=True, validate=validate.Length(max=len(CHANNELS), error="wrong"))


class NoticePreferencesIn(Strict):
    channels = fields.List(
        Choice(CHANNELS),
        required=True,
        validate=validate.Length(max=len(CHANNELS), error="wrong"),
        metadata={"description": DESCRIBED["channels"]},
    )
    kinds = fields.List(
        fields.Nested(KindChannelsIn),
        load_default=list,
        validate=validate.Length(max=len(KINDS), error="wrong"),
        metadata={"description": DESCRIBED["kinds"]},
    )
    time_zone = Choice(ZONES, required=True, allow_none=True, metadata={"description": DESCRIBED["time_zone"]})
    quiet_hours = fields.Nested(QuietHoursIn, required=True, allow_none=True, metadata={"description": DESCRIBED["quiet_hours"]})
    urgent_passes = Flag(required=True, metadata={"description": DESCRIBED["urgent_passes"]})
    sms_per_day = Whole(0, rules.MOST_SMS_PER_DAY, required=True, metadata={"description": DESCRIBED["sms_per_day"]})
    digest = Choice(DIGESTS, required=True, metadata={"description": DESCRIBED["digest"]})
    language = Choice(LANGUAGE_LABELS, metadata={"description": DESCRIBED["language"]})

    @validates_schema
    def check_kinds(self, data: dict[str, Any], **_: Any) -> None:
        named = [one["kind"] for one in data["kinds"]]
        if len({*named}) < len(named):
            raise ValidationError("wrong", "kinds")


class QuietHoursOut(Schema):
    since = fields.String(required=True, metadata={"example": "22:00"})
    until = fields.String(required=True, metadata={"example": "07:00"})


class KindChannelsOut(Schema):
    kind = Choice(KINDS, required=True)
    channels = fields.List(Choice(CHANNELS), required=True)


class NoticePreferencesOut(Schema):
    """How the caller wants to be told; version 0 are the preferences of everybody who chose none."""

    version = fields.Integer(required=True)
    channels = fields.List(Choice(CHANNELS), required=True, metadata={"description": DESCRIBED["channels"]})
    kinds = fields.List(
        fields.Nested(KindChannelsOut), required=True, metadata={"description": "every kind, with the channels over which it may leave"}
    )
    time_zone = Choice(ZONES, required=True, allow_none=True, metadata={"description": DESCRIBED["time_zone"]})
    quiet_hours = fields.Nested(QuietHoursOut, required=True, allow_none=True, metadata={"description": DESCRIBED["quiet_hours"]})
    urgent_passes = fields.Boolean(required=True, metadata={"description": DESCRIBED["urgent_passes"]})
    sms_per_day = fields.Integer(required=True, metadata={"description": DESCRIBED["sms_per_day"]})
    digest = Choice(DIGESTS, required=True, metadata={"description": DESCRIBED["digest"]})
    language = Choice(LANGUAGE_LABELS, required=True, metadata={"description": DESCRIBED["language"]})
    allowed = AllowedOperations()


@api.get("/notices/preferences")
@access(who=SIGNED_IN, x_view="own")
@api.output(NoticePreferencesOut)
def get_notice_preferences(session: Session, caller: Caller) -> Any:
    """Get how the caller wants to be told: over which channels, when not, how often."""
    return _shown(queries.get_preferences(session, caller.id))


@api.put("/notices/preferences")
@access(who=SIGNED_IN, x_view="own", second_factor=False)
@api.input(NoticePreferencesIn)
@api.output(NoticePreferencesOut)
def set_notice_preferences(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Set how the caller wants to be told. What waits for its digest already comes with it."""
    return _shown(actions.set_preferences(session, caller, _columns_of(json_data)))


def _columns_of(said: dict[str, Any]) -> dict[str, Any]:
    """Return the columns for what somebody said."""
    quiet = said["quiet_hours"] or {"since": None, "until": None}
    silenced = {f"{rules.EVERY_KIND}.{channel}" for channel in CHANNELS if channel not in said["channels"]}
    silenced |= {f"{one['kind']}.{channel}" for one in said["kinds"] for channel in CHANNELS if channel not in one["channels"]}
    same = {name: said[name] for name in CHOSEN if name in said}
    return same | {
        "quiet_since": quiet["since"] and time.fromisoformat(quiet["since"]),
        "quiet_until": quiet["until"] and time.fromisoformat(quiet["until"]),
        "silenced": sorted(silenced),
    }


def _shown(preferences: Preferences) -> dict[str, Any]:
    manners = queries.manners_of(preferences, None)
    same = {name: getattr(preferences, name) for name in ("version", *CHOSEN)}
    channels = [channel for channel in CHANNELS if f"{rules.EVERY_KIND}.{channel}" not in manners.silenced]
    return same | {
        "channels": channels,
        "kinds": [{"kind": kind, "channels": [one for one in channels if manners.wants(kind, one)]} for kind in KINDS],
        "quiet_hours": {"since": f"{manners.since:%H:%M}", "until": f"{manners.until:%H:%M}"} if manners.since and manners.until else None,
        "allowed": ["set_notice_preferences"],
    }
