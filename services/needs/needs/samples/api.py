"""HTTP operations on samples: the county sees verified needs drawn by chance, and judges their verification."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Flag, Region, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.http.shown import note_shown
from needs.model import Need
from needs.samples import actions, queries, rules
from needs.samples.model import Sample

api = APIBlueprint("samples", __name__)

VERDICTS = {"right": ("审核无误", "rightly verified"), "wrong": ("审核有误", "wrongly verified")}
FAULTS = {
    "absurd": ("不合常理", "absurd"),
    "branded": ("不能指定品牌", "asks for a brand"),
    "not_a_need": ("不属于生产生活必需", "not a necessity of life or work"),
    "duplicate": ("重复发布", "posted twice"),
    "wrong_household": ("户主信息不符", "wrong household"),
    "too_much": ("数量过多", "too much"),
    "not_true": ("与实际情况不符", "not true"),
    "story_identifies": ("公开说明泄露个人信息", "the public story identifies somebody"),
}


class SamplesIn(PageIn):
    region = Region((0, 2, 4, 6, 9, 12), load_default="")
    checked = Flag(in_address=True, metadata={"description": "only those that were checked, or wait to be"})


class SampleVerdictIn(Strict):
    verdict = Choice(VERDICTS, required=True)
    reason = Choice(FAULTS, metadata={"description": "required when wrong"})
    close = Flag(load_default=False, metadata={"description": "end the need too, when it was wrongly verified"})

    @validates_schema
    def require_fitting_fields(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("verdict") == "wrong" and "reason" not in data:
            raise ValidationError("required", "reason")
        if data.get("verdict") == "right":
            for name in ("reason", "close"):
                if data.get(name):
                    raise ValidationError("wrong", name)


class SampleOut(Schema):
    """A verified need that was drawn by chance. The need itself is at `/v1/needs/{need_id}`."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    need_id = fields.UUID(required=True)
    region = fields.String(required=True)
    category = fields.String(required=True)
    reviewer_id = fields.UUID(required=True, metadata={"description": "who verified it at the first step"})
    second_reviewer_id = fields.UUID(required=True, allow_none=True, metadata={"description": "who verified it at the county"})
    verified_at = fields.AwareDateTime(required=True)
    verdict = Choice(VERDICTS, required=True, allow_none=True)
    reason = Choice(FAULTS, required=True, allow_none=True)
    checked_by = fields.UUID(required=True, allow_none=True)
    checked_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


class OwnFaultOut(Schema):
    """A verification of the caller that a check found wrong. The need itself is at `/v1/needs/{need_id}`."""

    id = fields.UUID(required=True)
    need_id = fields.UUID(required=True)
    region = fields.String(required=True)
    category = fields.String(required=True)
    verified_at = fields.AwareDateTime(required=True)
    reason = Choice(FAULTS, required=True)
    checked_at = fields.AwareDateTime(required=True)


@api.get("/samples/mine")
@access(who=STAFF, x_view="own")
@api.input(PageIn, location="query")
@api.output(page_of(OwnFaultOut))
def list_own_faults(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the caller's own verifications that a check found wrong, newest first."""
    return queries.list_own_faults(session, caller, **query_data)


@api.get("/samples")
@access(who=STAFF, x_view="region")
@api.input(SamplesIn, location="query")
@api.output(page_of(SampleOut))
def list_samples(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List the verified needs drawn by chance in the counties that the caller manages, newest first."""
    page = queries.list_samples(session, caller, **query_data)
    needs = {need.id: need for need in session.scalars(select(Need).where(Need.id.in_([one.need_id for one in page["items"]])))}
    return page | {"items": [_sample_out(sample, needs, caller) for sample in page["items"]]}


@api.get("/samples/<uuid:sample_id>")
@access(who=STAFF, x_view="region")
@api.output(SampleOut)
def get_sample(session: Session, caller: Caller, sample_id: UUID) -> Any:
    """Get one of them."""
    return _answer(session, queries.get_sample(session, caller, sample_id), caller)


@api.post("/samples/<uuid:sample_id>/verdict")
@access(who=STAFF, x_view="region")
@api.input(SampleVerdictIn)
@api.output(SampleOut, 201)
def check_sample(session: Session, caller: Caller, sample_id: UUID, json_data: dict[str, Any]) -> Any:
    """Judge whether a need was rightly verified, as an administrator of the county or above who took no part in it."""
    sample = actions.check_sample(session, caller, sample_id, json_data)
    return _answer(session, sample, caller), 201, {"Location": f"/v1/samples/{sample.id}"}


def _answer(session: Session, sample: Sample, caller: Caller) -> dict[str, Any]:
    return _sample_out(sample, {sample.need_id: session.get_one(Need, sample.need_id)}, caller)


def _sample_out(sample: Sample, needs: Mapping[UUID, Need], caller: Caller) -> dict[str, Any]:
    need = needs[sample.need_id]
    people = {sample.reviewer_id, sample.second_reviewer_id, need.account_id or need.household_id} - {caller.id}
    note_shown(caller, "sample", sample.id, people=people, region=sample.region)
    verdict = None if sample.is_right is None else "right" if sample.is_right else "wrong"
    more = {"verdict": verdict, "allowed": rules.acts_on_sample(caller, sample, need)}
    return {name: getattr(sample, name) for name in SampleOut.names() if name not in more} | more
