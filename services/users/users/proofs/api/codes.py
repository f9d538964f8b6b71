"""Schemas and answers that all operations with codes share."""

from typing import Any

from marshmallow import fields

from chassis.http.fields import Schema, Text
from users.codes.model import CodeRequest
from users.sessions.answers import ClientIn


class CodeIn(ClientIn):
    code = Text(6, least=6, pattern="[0-9]{6}", required=True, metadata={"description": "the six digits that were sent"})


class CodeRequestedOut(Schema):
    """A code is on its way, if the phone may have one. The answer is the same for every phone."""

    id = fields.UUID(required=True, metadata={"description": "names this request when the code is given back"})
    expires_at = fields.AwareDateTime(required=True)


def answer_requested(request: CodeRequest, path: str) -> Any:
    """Answer 202 with the request, alike for every phone. `path` is where the code is given back, without the id."""
    body = {"id": request.id, "expires_at": request.expires_at}
    return body, 202, {"Location": f"{path}/{request.id}/proof", "Cache-Control": "no-store"}
