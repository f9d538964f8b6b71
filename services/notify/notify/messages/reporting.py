"""The route to which providers of SMS report. No document describes it."""

import msgspec
from apiflask import APIBlueprint
from flask import Response, jsonify, request
from sqlalchemy.orm import Session

from chassis.http.auth import ANYONE, Caller
from chassis.http.routes import access
from chassis.problems import invalid, not_found
from notify.channels.reports import READERS, is_report_key
from notify.messages import actions

api = APIBlueprint("reports", __name__, enable_openapi=False)


@api.post("/messages/reports/<string(maxlength=20):provider>/<string(maxlength=200):key>")
@access(who=ANYONE, x_view="public", idempotent=False, body_bytes=256 * 1024)
def report_messages(session: Session, caller: Caller | None, provider: str, key: str) -> Response:
    """Take the reports of a provider of SMS, which knows the key in the address."""
    if not is_report_key(provider, key):
        raise not_found()
    reader = READERS[provider]
    try:
        found = reader.read(request.get_data())
    except msgspec.MsgspecError:
        raise invalid(errors=[{"pointer": "", "code": "wrong"}]) from None
    for report in found:
        actions.note_report(session, provider, report)
    return jsonify(reader.answer)
