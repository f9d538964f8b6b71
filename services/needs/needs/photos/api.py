"""HTTP routes of photos of needs: a file comes in, a JPEG without metadata goes out."""

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import request
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, HOUSEHOLD, STAFF, Caller
from chassis.http.fields import Choice, Flag, NothingIn, Schema, Strict
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.photos.image import MOST_BYTES, TYPES
from chassis.photos.serving import PICTURE, StoredPhotoOut, picture_response
from needs.photos import actions, queries
from needs.photos.model import NeedPhoto
from needs.photos.rules import acts_on_photo, may_see_photo
from needs.queries import get_need

api = APIBlueprint("need_photos", __name__)

KINDS = {"need": ("需求照片", "of the need"), "consent": ("签字同意书", "of the signed slip")}


class NeedPhotoOut(StoredPhotoOut):
    """A photo of a need. The file is `/v1/need-photos/{id}/image`, a JPEG of at most 1600 pixels a side, without its place and camera."""

    need_id = fields.UUID(required=True)
    kind = Choice(KINDS, required=True)
    is_public = fields.Boolean(required=True, metadata={"description": "whether a reviewer shows it to everybody"})


class NeedPhotosOut(Schema):
    items = fields.List(fields.Nested(NeedPhotoOut), required=True)


class ShowingIn(Strict):
    public = Flag(required=True, metadata={"description": "true shows the photo to everybody; no face and no number may be on it"})


@api.post("/needs/<uuid:need_id>/photos")
@access(who=HOUSEHOLD | STAFF, x_view="own", body_bytes=MOST_BYTES, body_types=TYPES)
@api.output(NeedPhotoOut, 201)
def add_need_photo(session: Session, caller: Caller, need_id: UUID) -> Any:
    """Add a photo of what is needed, up to four, for its reviewers. At most 6 MB and 25 million pixels, 13 as PNG or WebP."""
    return _made(actions.add_photo(session, caller, need_id, "need", request.get_data(), request.mimetype), caller)


@api.post("/needs/<uuid:need_id>/consent-photos")
@access(who=HOUSEHOLD | STAFF, x_view="own", body_bytes=MOST_BYTES, body_types=TYPES)
@api.output(NeedPhotoOut, 201)
def add_consent_photo(session: Session, caller: Caller, need_id: UUID) -> Any:
    """Add a photo of the slip that the household signed for a post on its behalf, up to two, before the need is verified."""
    return _made(actions.add_photo(session, caller, need_id, "consent", request.get_data(), request.mimetype), caller)


@api.get("/needs/<uuid:need_id>/photos")
@access(who=ANYONE, x_view="public")
@api.output(NeedPhotosOut)
def list_need_photos(session: Session, caller: Caller | None, need_id: UUID) -> Any:
    """List the photos of a need: all for its side and the reviewers, the public ones for everybody else."""
    need = get_need(session, caller, need_id)
    return {"items": [_shown(one, caller) for one in queries.list_current_photos(session, need.id) if may_see_photo(caller, one)]}


@api.get("/need-photos/<uuid:photo_id>")
@access(who=ANYONE, x_view="public")
@api.output(NeedPhotoOut)
def get_need_photo(session: Session, caller: Caller | None, photo_id: UUID) -> Any:
    """Get the facts about a photo of a need."""
    return _shown(queries.get_visible_photo(session, caller, photo_id), caller)


@api.get("/need-photos/<uuid:photo_id>/image")
@access(who=ANYONE, x_view="public")
@api.doc(responses=PICTURE)
def get_need_photo_image(session: Session, caller: Caller | None, photo_id: UUID) -> Any:
    """Get the picture; 410 when it was removed."""
    photo = queries.get_visible_photo(session, caller, photo_id, whole=True)
    _note(photo, caller)
    return picture_response(photo, kept_seconds=0)


@api.post("/need-photos/<uuid:photo_id>/publication")
@access(who=STAFF, x_view="region")
@api.input(ShowingIn)
@api.output(NeedPhotoOut, 201)
def show_need_photo(session: Session, caller: Caller, photo_id: UUID, json_data: dict[str, Any]) -> Any:
    """Show a photo of a need to everybody, or hide it again, as an administrator of its region who did not post it."""
    return _made(actions.show_photo(session, caller, photo_id, is_public=json_data["public"]), caller)


@api.post("/need-photos/<uuid:photo_id>/removal")
@access(who=HOUSEHOLD | STAFF, x_view="own")
@api.input(NothingIn)
@api.output(NeedPhotoOut, 201)
def remove_need_photo(session: Session, caller: Caller, photo_id: UUID, json_data: dict[str, Any]) -> Any:
    """Remove a photo: its picture is deleted for good."""
    return _made(actions.remove_photo(session, caller, photo_id), caller)


def _made(photo: NeedPhoto, caller: Caller) -> Any:
    return _shown(photo, caller), 201, {"Location": f"/v1/need-photos/{photo.id}"}


def _shown(photo: NeedPhoto, caller: Caller | None) -> dict[str, Any]:
    _note(photo, caller, masked=True)
    return {name: getattr(photo, name) for name in NeedPhotoOut.names() if name != "allowed"} | {"allowed": acts_on_photo(caller, photo)}


def _note(photo: NeedPhoto, caller: Caller | None, *, masked: bool = False) -> None:
    need = photo.need
    masked = masked or photo.is_public
    note_shown(caller, "photo", photo.id, people=[need.account_id or need.household_id], region=need.region, masked=masked)
