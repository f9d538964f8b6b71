"""HTTP operations on charities: everybody reads the list, managers from the county up name, change and end them."""

from datetime import date
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session
from stdnum.cn import uscc
from stdnum.exceptions import ValidationError as NotValid

from chassis.http.auth import ANYONE, STAFF, Caller
from chassis.http.fields import NEVER, AllowedOperations, Code, Name, NothingIn, Region, Schema, Strict
from chassis.http.pagination import PageIn, page_of
from chassis.http.routes import access
from chassis.text import UnfitText
from needs.charities import actions, queries, rules
from needs.charities.model import Charity

api = APIBlueprint("charities", __name__)


class RegistrationNumber(Code):
    """The unified social credit code of a charity: eighteen characters with a right check character."""

    def __init__(self, **options: Any) -> None:
        super().__init__("[0-9A-Za-z]{18}", dropped="-", **options)

    def read(self, written: str) -> str:
        """Return the code in upper case. Raises `UnfitText`."""
        try:
            return str(uscc.validate(super().read(written).upper()))
        except NotValid:
            raise UnfitText("text_form") from None


class LastDay(fields.Date):
    """The last day of a validity, ISO 8601, until 2199."""

    default_error_messages = NEVER | {"invalid": "wrong", "format": "wrong"}

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(date(2000, 1, 1), date(2199, 12, 31), error="out_of_range"), **options)


class CharityIn(Strict):
    region = Region(rules.REGION_LENGTHS, required=True, metadata={"description": "the county, city or province that names it"})
    name = Name(200, required=True)
    registration_number = RegistrationNumber(required=True, metadata={"description": "its unified social credit code (统一社会信用代码)"})
    last_day = LastDay(required=True, metadata={"description": "the last day on which it receives money, in Asia/Shanghai"})


class CharityChangeIn(Strict):
    name = Name(200)
    last_day = LastDay()

    @validates_schema
    def require_a_change(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("required")


class CharitiesIn(PageIn):
    region = Region(
        (0, 2, 4, 6, 9, 12),
        load_default="",
        metadata={"description": "those that receive money for this region; empty for those of the whole country"},
    )


class CharityOut(Schema):
    """A registered charity through which a region asks for money."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    region = fields.String(required=True)
    name = fields.String(required=True)
    registration_number = fields.String(required=True)
    last_day = fields.Date(required=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


@api.post("/charities")
@access(who=STAFF, x_view="public")
@api.input(CharityIn)
@api.output(CharityOut, 201)
def name_charity(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
    """Name a registered charity for the needs of a region, as its administrator from the county up."""
    return _answer(actions.name_charity(session, caller, json_data), caller)


@api.get("/charities")
@access(who=ANYONE, x_view="public")
@api.input(CharitiesIn, location="query")
@api.output(page_of(CharityOut))
def list_charities(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
    """List the charities through which money may be asked for, the latest first."""
    page = queries.list_charities(session, **query_data)
    return page | {"items": [_shown(charity, caller) for charity in page["items"]]}


@api.get("/charities/<uuid:charity_id>")
@access(who=ANYONE, x_view="public")
@api.output(CharityOut)
def get_charity(session: Session, caller: Caller | None, charity_id: UUID) -> Any:
    """Get a charity, also one that has ended."""
    return _shown(queries.get_charity(session, charity_id), caller)


@api.patch("/charities/<uuid:charity_id>")
@access(who=STAFF, x_view="public")
@api.input(CharityChangeIn)
@api.output(CharityOut)
def change_charity(session: Session, caller: Caller, charity_id: UUID, json_data: dict[str, Any]) -> Any:
    """Change the name of a charity, or until when it may receive money."""
    return _shown(actions.change_charity(session, caller, charity_id, json_data), caller)


@api.post("/charities/<uuid:charity_id>/ending")
@access(who=STAFF, x_view="public")
@api.input(NothingIn)
@api.output(CharityOut, 201)
def end_charity(session: Session, caller: Caller, charity_id: UUID, json_data: dict[str, Any]) -> Any:
    """End a charity: nothing is published through it any more. Published needs keep it."""
    return _answer(actions.end_charity(session, caller, charity_id), caller)


def _answer(charity: Charity, caller: Caller) -> Any:
    return _shown(charity, caller), 201, {"Location": f"/v1/charities/{charity.id}"}


def _shown(charity: Charity, caller: Caller | None) -> dict[str, Any]:
    allowed = rules.acts_on_charity(caller, charity)
    return {name: getattr(charity, name) for name in CharityOut.names() if name != "allowed"} | {"allowed": allowed}
