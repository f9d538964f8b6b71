"""The route to which providers pass on answers. No document describes it, and nobody signs in there."""

from typing import get_args

import msgspec
from apiflask import APIBlueprint
from flask import Response, jsonify, request
from prometheus_client import Counter
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.routes import access
from chassis.problems import invalid, not_found
from notify.answers import actions
from notify.answers.model import Outcome
from notify.channels.replies import READERS
from notify.channels.reports import is_report_key

api = APIBlueprint("answers", __name__, enable_openapi=False)
REPEATED = "repeated"
_ANSWERS = Counter("duijie_sms_answers_total", "Answers by SMS, by what became of each", ["outcome"])
for _outcome in (*get_args(Outcome), REPEATED):
    _ANSWERS.labels(_outcome)


@api.post("/messages/replies/<string(maxlength=20):provider>/<string(maxlength=200):key>")
@access(who=ANYONE, x_view="public", idempotent=False, body_bytes=256 * 1024)
def take_replies(session: Session, caller: Caller | None, provider: str, key: str) -> Response:
    """Take answers by SMS from a provider, which knows the key in the address."""
    if not is_report_key(provider, key):
        raise not_found()
    reader = READERS[provider]
    try:
        found = reader.read(request.get_data())
    except msgspec.MsgspecError:
        raise invalid(errors=[{"pointer": "", "code": "wrong"}]) from None
    # Two calls that lock questions in different orders would block each other.
    for reply in sorted(found, key=lambda one: (one.phone, one.extension)):
        _ANSWERS.labels(actions.take_reply(session, provider, reply) or REPEATED).inc()
    return jsonify(reader.answer)
