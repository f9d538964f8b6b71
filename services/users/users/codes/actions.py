"""Asking for codes, trying them, looking at them to send them.

Problems with a code are returned, not raised: the transaction that counts a try has to commit.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from prometheus_client import Counter
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import DONE, GUEST, SERVICE, Entry
from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.data.personal_keys import personal_keys
from chassis.messaging import outbox
from chassis.problems import Problem, not_found
from contracts.users import CodePurpose
from users.codes import derivation, events, rules
from users.codes.asking import Asker
from users.codes.model import CodeCount, CodeRequest
from users.codes.settings import CodeSettings
from users.problems import no_code, too_many_codes, wrong_code

log = logging.getLogger("users.codes")
KEPT_FOR = timedelta(days=1)
_REFUSED = Counter("duijie_codes_refused_total", "Requests for a code beyond a budget of the day", ["budget"])
for _budget in rules.BUDGETS:
    _REFUSED.labels(_budget)


def request_code(
    session: Session, asker: Asker, purpose: CodePurpose, phone: str, wanted: str | None = None, account_id: UUID | None = None
) -> CodeRequest:
    """Ask for a code that is sent to a phone. Raises `too_many_codes`.

    Whether the phone has an account changes nothing here. `wanted` is kept encrypted until the code is used or deleted.
    """
    settings = CodeSettings.of_environment()
    at = now()
    request = CodeRequest(
        id=uuid4(),
        version=1,
        purpose=purpose,
        phone=phone,
        phone_fingerprint=fingerprint(phone),
        language=asker.language,
        key_id=derivation.id_of_key(settings.code_keys[0]),
        account_id=account_id,
        wanted=wanted,
        expires_at=at + rules.LIFETIME,
    )
    for budget, whose, limit in rules.list_budgets(settings, phone, asker.address):
        _count(session, budget, whose, limit)
    session.add(request)
    session.flush()
    outbox.add(session, events.code_requested(request))
    audit_log.record(session, GUEST, _entry("request_code", request))
    return request


def use_code(session: Session, purpose: CodePurpose, request_id: UUID, code: str) -> CodeRequest | Problem:
    """Try a code and use it up when it is right. Returns the request, or the problem after counting the try."""
    used = use_codes(session, purpose, {request_id: code})
    return used if isinstance(used, Problem) else used[0]


def use_codes(session: Session, purpose: CodePurpose, codes: Mapping[UUID, str]) -> Sequence[CodeRequest] | Problem:
    """Try several codes that count only together. Returns their requests by id, or the problem after counting the tries.

    The rows are locked before they are judged, so that simultaneous guesses cannot exceed five tries. A wrong one among right ones is
    not told apart.
    """
    asked = select(CodeRequest).where(CodeRequest.id.in_(codes), CodeRequest.purpose == purpose).order_by(CodeRequest.id)
    # A request that was read before it was locked is read again: another guess may have been counted meanwhile.
    requests = session.scalars(asked.with_for_update().execution_options(populate_existing=True)).all()
    if len(requests) != len(codes):
        return not_found()
    at = now()
    for request in requests:
        if problem := rules.find_try_problem(request, at):
            return problem
    rights = [_is_right(request, codes[request.id]) for request in requests]
    for request in requests:
        request.tries += 1
    if not all(rights):
        audit_log.record(session, GUEST, *(_entry("use_code", request, wrong_code.code, tries=request.tries) for request in requests))
        return wrong_code()
    for request in requests:
        request.used_at = at
    audit_log.record(session, GUEST, *(_entry("use_code", request) for request in requests))
    return requests


def look_at_code(session: Session, request_id: UUID, may_send: bool) -> tuple[CodeRequest, str]:
    """Return a request and its code for sending, and count the look. Raises `no_code`."""
    request = session.get(CodeRequest, request_id, with_for_update=True)
    if request is None or not may_send or rules.find_look_problem(request, now()) is not None:
        raise no_code()
    code = _derive(request)
    if code is None:
        raise no_code()
    request.looks += 1
    audit_log.record(session, SERVICE, _entry("look_at_code", request, looks=request.looks))
    return request, code


def delete_old(session: Session) -> None:
    """Delete requests and counts that ended a day ago or more."""
    at = now()
    ended = delete(CodeRequest).where(CodeRequest.expires_at < at - KEPT_FOR).returning(CodeRequest.id)
    # Before the commit: keys without requests would stay for ever, and these requests serve nobody.
    personal_keys("users").delete(list(session.scalars(ended)))
    session.execute(delete(CodeCount).where(CodeCount.day < rules.day_of(at - KEPT_FOR)))


def _entry(act: str, request: CodeRequest, outcome: str = DONE, **details: int) -> Entry:
    """Make an entry about a code. It names no person, so that it is the same for every phone."""
    return Entry(act=act, subject="code", subject_id=request.id, outcome=outcome, details={"purpose": request.purpose, **details})


def _count(session: Session, budget: str, whose: str, limit: int) -> None:
    """Count a request against a budget of today, which stays locked until the transaction ends. Raises `too_many_codes`."""
    at = now()
    row = insert(CodeCount).values(day=rules.day_of(at), budget=budget, key=fingerprint(whose), requests=1)
    counted = session.execute(
        row.on_conflict_do_update(
            index_elements=["day", "budget", "key"], set_={"requests": CodeCount.requests + 1}, where=CodeCount.requests < limit
        ).returning(CodeCount.requests)
    ).first()
    if counted is None:
        log.warning("a budget of codes is used up", extra={"kind": budget})
        _REFUSED.labels(budget).inc()
        raise too_many_codes(retry_after_seconds=rules.seconds_to_next_day(at))


def _is_right(request: CodeRequest, given: str) -> bool:
    derived = _derive(request)
    return derived is not None and derivation.is_code(derived, given)


def _derive(request: CodeRequest) -> str | None:
    """Derive the code with the key that the request names; None when that key is gone."""
    keys = CodeSettings.of_environment().code_keys
    key = next((key for key in keys if derivation.id_of_key(key) == bytes(request.key_id)), None)
    return derivation.derive_code(key, request.purpose, request.id) if key else None
