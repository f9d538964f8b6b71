"""HTTP routes of ratings."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import Schema, Strict, Whole
from chassis.http.routes import access
from matching.book.shown import note_of_match_shown
from matching.feedback import queries
from matching.feedback.actions import ratings as actions
from matching.feedback.model import Rating
from matching.feedback.queries import Ratings

api = APIBlueprint("ratings", __name__)


class RatingIn(Strict):
    stars = Whole(1, 5, required=True)


class RatingOut(Schema):
    stars = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)


class RatingsOut(Schema):
    """The ratings of the two sides of a match. Theirs is shown once both have rated or the time is over."""

    match_id = fields.UUID(required=True)
    version = fields.Integer(required=True, metadata={"description": "of the match"})
    mine = fields.Nested(RatingOut, required=True, allow_none=True)
    theirs = fields.Nested(RatingOut, required=True, allow_none=True)
    closes_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "the end of the time to rate; null before the receipt and the closing"}
    )


@api.post("/matches/<uuid:match_id>/rating")
@access(who=SIGNED_IN, x_view="own")
@api.input(RatingIn)
@api.output(RatingsOut, 201)
def rate_match(session: Session, caller: Caller, match_id: UUID, json_data: dict[str, Any]) -> Any:
    """Rate the other side once, from 1 to 5, within a fortnight after the receipt or the closing."""
    shown = _shown(actions.rate_match(session, caller, match_id, **json_data), caller)
    return shown, 201, {"Location": f"/v1/matches/{match_id}/ratings"}


@api.get("/matches/<uuid:match_id>/ratings")
@access(who=SIGNED_IN, x_view="own")
@api.output(RatingsOut)
def get_ratings(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Get the ratings of a match, as far as the caller's side may see them."""
    return _shown(queries.load_ratings(session, caller, match_id), caller)


def _shown(ratings: Ratings, caller: Caller) -> dict[str, Any]:
    match = ratings.match
    note_of_match_shown(caller, match, "ratings")
    both = {"mine": _one(ratings.mine), "theirs": _one(ratings.theirs)}
    return {"match_id": match.id, "version": match.version, **both, "closes_at": ratings.closes_at}


def _one(rating: Rating | None) -> dict[str, Any] | None:
    return {"stars": rating.stars, "at": rating.at} if rating else None
