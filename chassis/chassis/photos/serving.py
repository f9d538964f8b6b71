"""Serving photos: the fields of a photo's answer, and the answer that is the picture itself."""

from typing import Any

from flask import Response, request
from marshmallow import fields

from chassis.http.fields import AllowedOperations, Schema
from chassis.photos.image import KEPT_TYPE
from chassis.photos.model import StoredPhoto
from chassis.photos.problems import photo_removed

PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "the photo", "content": {KEPT_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "the caller has the photo already (`If-None-Match`)"},
}
"""The responses of a route that answers with `picture_response`, for `@api.doc(responses=PICTURE)`."""


class StoredPhotoOut(Schema):
    """The fields that every photo answers with."""

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    added_at = fields.AwareDateTime(required=True)
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    size = fields.Integer(required=True, metadata={"description": "bytes"})
    removed_at = fields.AwareDateTime(required=True, allow_none=True)
    allowed = AllowedOperations()


def picture_response(photo: StoredPhoto, kept_seconds: int = 3600) -> Response:
    """Answer with the picture, or with 304 to a caller who has it. Raises `photo_removed` for a removed one.

    Browsers keep it for `kept_seconds` without asking again; with 0 they ask each time, so that it can be hidden at once.
    """
    if photo.data is None:
        raise photo_removed()
    kept = f"private, max-age={kept_seconds}" if kept_seconds else "private, no-cache"
    named = {"Cache-Control": kept, "Content-Disposition": 'inline; filename="photo.jpg"'}
    response = Response(photo.data, content_type=KEPT_TYPE, headers=named)
    # A stored picture never changes; only its removal makes another version.
    response.set_etag(f"{photo.id}.{photo.version}")
    response.make_conditional(request)
    return response
