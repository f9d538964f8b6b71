"""HTTP routes of photos: a file comes in, a JPEG without metadata goes out."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import HOUSEHOLD, SIGNED_IN, STAFF, Caller
from chassis.http.fields import Choice, NothingIn, Schema
from chassis.http.routes import access
from chassis.photos.image import MOST_BYTES, TYPES
from chassis.photos.serving import PICTURE, StoredPhotoOut, picture_response
from matching.book.shown import note_of_match_shown
from matching.feedback import queries
from matching.feedback.actions import photos as actions
from matching.feedback.labels import PURPOSES, SIDES
from matching.feedback.model import Photo
from matching.feedback.rules import find_removal_problem

api = APIBlueprint("photos", __name__)


class PhotoOut(StoredPhotoOut):
    """A photo of a match. The file is `/v1/photos/{id}/image`, a JPEG of at most 1600 pixels a side, without its place and camera."""

    match_id = fields.UUID(required=True)
    side = Choice(SIDES, required=True)
    purpose = Choice(PURPOSES, required=True)


class PhotosOut(Schema):
    items = fields.List(fields.Nested(PhotoOut), required=True)


@api.post("/matches/<uuid:match_id>/photos")
@access(who=SIGNED_IN, x_view="own", body_bytes=MOST_BYTES, body_types=TYPES)
@api.output(PhotoOut, 201)
def add_photo(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Add a photo of what the caller's side sent or received, up to four a side. At most 6 MB and 25 million pixels, 13 as PNG or WebP."""
    return _made(actions.add_photo(session, caller, match_id, request.get_data(), request.mimetype), caller)


@api.post("/matches/<uuid:match_id>/thanks-photos")
@access(who=HOUSEHOLD | STAFF, x_view="own", body_bytes=MOST_BYTES, body_types=TYPES)
@api.output(PhotoOut, 201)
def add_thanks_photo(session: Session, caller: Caller, match_id: UUID) -> Any:
    """Add the one photo that goes with the thanks; name it when you write them. The giver sees it once they are released."""
    return _made(actions.add_thanks_photo(session, caller, match_id, request.get_data(), request.mimetype), caller)


@api.get("/matches/<uuid:match_id>/photos")
@access(who=SIGNED_IN, x_view="own")
@api.output(PhotosOut)
def list_photos(session: Session, caller: Caller, match_id: UUID) -> Any:
    """List the photos of a match, for its two sides and the administrators of its region."""
    return {"items": [shown(photo, caller) for photo in queries.list_photos(session, caller, match_id)]}


@api.get("/photos/<uuid:photo_id>")
@access(who=SIGNED_IN, x_view="own")
@api.output(PhotoOut)
def get_photo(session: Session, caller: Caller, photo_id: UUID) -> Any:
    """Get the facts about a photo."""
    return shown(queries.get_visible_photo(session, caller, photo_id), caller)


@api.get("/photos/<uuid:photo_id>/image")
@access(who=SIGNED_IN, x_view="own")
@api.doc(responses=PICTURE)
def get_photo_image(session: Session, caller: Caller, photo_id: UUID) -> Any:
    """Get the picture; 410 when it was removed."""
    photo = queries.get_visible_photo(session, caller, photo_id, whole=True)
    note_of_match_shown(caller, photo.match, "photo", photo.id)
    return picture_response(photo)


@api.post("/photos/<uuid:photo_id>/removal")
@access(who=SIGNED_IN, x_view="own")
@api.input(NothingIn)
@api.output(PhotoOut, 201)
def remove_photo(session: Session, caller: Caller, photo_id: UUID, json_data: dict[str, Any]) -> Any:
    """Remove a photo: its picture is deleted for good."""
    return _made(actions.remove_photo(session, caller, photo_id), caller)


def shown(photo: Photo, caller: Caller) -> dict[str, Any]:
    note_of_match_shown(caller, photo.match, "photo", photo.id, masked=True)
    acts = [] if find_removal_problem(caller, photo) else ["remove_photo"]
    return {name: getattr(photo, name) for name in PhotoOut.names() if name != "allowed"} | {"allowed": acts}


def _made(photo: Photo, caller: Caller) -> Any:
    return shown(photo, caller), 201, {"Location": f"/v1/photos/{photo.id}"}
