"""Actions on endpoints: register, prove, change, rotate, resend, remove; and disable those that have failed for days."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.http.auth import STAFF, Caller
from chassis.messaging import outbox
from chassis.problems import FieldCode, invalid, not_found, state_conflict
from notify.channels.bots import DIALECTS
from notify.endpoints import rules
from notify.endpoints.events import endpoint_disabled
from notify.endpoints.model import TEST, Delivery, Endpoint
from notify.endpoints.planning import message_to
from notify.endpoints.problems import too_many_endpoints, too_many_tests, wrong_proof
from notify.endpoints.queries import lock_endpoint
from notify.messages import rules as of_messages
from notify.messages.model import Message, ProviderState
from notify.messages.planning import WAKE_SENDERS
from notify.settings import EndpointSettings

TENDED_AT_ONCE = 100


def register_endpoint(
    session: Session, caller: Caller, wanted: Mapping[str, Any], settings: EndpointSettings
) -> tuple[Endpoint, str | None]:
    """Register an endpoint and send it a test. Returns it with the secret of a webhook, which is shown this once.

    Raises `not_found` for a region that the caller does not manage, and `invalid` for what does not fit its channel.
    """
    region = wanted.get("region")
    is_office = caller.kind in STAFF
    if (region is not None) != is_office:
        raise _refused("#/region", "required" if is_office else "unknown")
    if region is not None and not caller.manages(region):
        raise not_found()
    channel = wanted["channel"]
    host = rules.find_host(channel, wanted["address"], settings)
    if host is None:
        raise _refused("#/address", "wrong")
    if wanted.get("bot_secret") and channel not in rules.SIGNS:
        raise _refused("#/bot_secret", "unknown")
    secret = rules.make_secret() if channel == rules.WEBHOOK else wanted.get("bot_secret")
    # One endpoint of an office or an account at a time, so that none is registered past the limit.
    holder = region or str(caller.id)
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("notify.endpoints"), func.hashtext(holder))))
    held = Endpoint.region == region if is_office else Endpoint.owner_id == caller.id
    if (session.scalar(select(func.count()).select_from(Endpoint).where(held)) or 0) >= rules.MOST_ENDPOINTS:
        raise too_many_endpoints(most=rules.MOST_ENDPOINTS)
    at = now()
    endpoint = Endpoint(
        id=new_id(),
        owner_id=None if is_office else caller.id,
        region=region,
        channel=channel,
        name=wanted["name"],
        host=host,
        address=wanted["address"],
        secret=secret,
        kinds=[],
        language=wanted["language"],
        state="unproven",
        tests=0,
        tests_day=of_messages.day_of(at),
        created_by=caller.id,
        created_at=at,
    )
    _set_kinds(endpoint, wanted["kinds"])
    session.add(endpoint)
    _send_test(session, endpoint)
    session.flush()
    return endpoint, secret if channel == rules.WEBHOOK else None


def change_endpoint(session: Session, caller: Caller, endpoint_id: UUID, wanted: Mapping[str, Any]) -> Endpoint:
    """Change the name, the kinds or the language of an endpoint."""
    endpoint = _lock(session, caller, endpoint_id)
    if "kinds" in wanted:
        _set_kinds(endpoint, wanted["kinds"])
    for name in wanted.keys() & {"name", "language"}:
        setattr(endpoint, name, wanted[name])
    return _changed(session, endpoint)


def test_endpoint(session: Session, caller: Caller, endpoint_id: UUID) -> Endpoint:
    """Send a test to an endpoint, with a code unless it is in use. Raises `too_many_tests`."""
    endpoint = _changed(session, _lock(session, caller, endpoint_id))
    _send_test(session, endpoint)
    return endpoint


def prove_endpoint(session: Session, caller: Caller, endpoint_id: UUID, code: str) -> Endpoint:
    """Put an endpoint to use with the code that a test brought there. Raises `wrong_proof`, or `state_conflict` for one in use."""
    endpoint = _lock(session, caller, endpoint_id)
    if endpoint.state == "active":
        raise state_conflict(state=endpoint.state)
    at = now()
    if not endpoint.proof or not endpoint.proof_until or endpoint.proof_until <= at or code.upper() != endpoint.proof:
        raise wrong_proof()
    endpoint.state, endpoint.reason, endpoint.disabled_at, endpoint.proven_at = "active", None, None, at
    endpoint.proof = endpoint.proof_until = None
    return _changed(session, endpoint)


def rotate_secret(session: Session, caller: Caller, endpoint_id: UUID, overlap_hours: int) -> tuple[Endpoint, str]:
    """Give a webhook a new secret, which is shown this once; until the overlap is over, the one before signs too."""
    endpoint = _lock(session, caller, endpoint_id)
    if endpoint.channel != rules.WEBHOOK:
        raise state_conflict(state=endpoint.channel)
    secret = rules.make_secret()
    endpoint.former_secret = endpoint.secret if overlap_hours else None
    endpoint.former_until = now() + timedelta(hours=overlap_hours) if overlap_hours else None
    endpoint.secret = secret
    return _changed(session, endpoint), secret


def resend_deliveries(session: Session, caller: Caller, endpoint_id: UUID) -> tuple[Endpoint, int]:
    """Send again what did not reach an endpoint in the last week; return how many. Raises `state_conflict` unless it is in use."""
    endpoint = _lock(session, caller, endpoint_id)
    if endpoint.state != "active":
        raise state_conflict(state=endpoint.state)
    at = now()
    missed = or_(Message.state.in_(of_messages.FAILURES), and_(Message.state == "withdrawn", Message.reason == "disabled"))
    sent = session.execute(
        update(Message)
        .where(Message.endpoint_id == endpoint.id, Message.settled_at.is_not(None), missed, Message.kind != TEST)
        .values(state="created", settled_at=None, due_at=at, expires_at=at + of_messages.KEPT_TRYING[of_messages.ENDPOINTS])
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).all()
    session.execute(WAKE_SENDERS)
    return endpoint, len(sent)


def remove_endpoint(session: Session, caller: Caller, endpoint_id: UUID) -> Endpoint:
    """Remove an endpoint, with its address and secrets; what waits for it is not sent."""
    endpoint = _lock(session, caller, endpoint_id)
    _remove(session, [endpoint.id])
    return endpoint


def remove_endpoints_of(session: Session, owners: Collection[UUID]) -> None:
    """Remove the endpoints of accounts that were erased."""
    owned = select(Endpoint.id).where(Endpoint.owner_id.in_(owners)).order_by(Endpoint.id)
    _remove(session, session.scalars(owned.with_for_update()).all())


def tend_endpoints(session: Session) -> None:
    """Forget former secrets whose time is over, and disable endpoints that took nothing for days, or said that they are gone."""
    at = now()
    over = select(Endpoint).where(Endpoint.former_until <= at).order_by(Endpoint.id).limit(TENDED_AT_ONCE)
    for endpoint in session.scalars(over.with_for_update(skip_locked=True)):
        endpoint.former_secret = endpoint.former_until = None
    failed, later = aliased(Message), aliased(Message)
    took = exists().where(later.endpoint_id == failed.endpoint_id, later.state == "delivered", later.settled_at >= failed.created_at)
    is_old = and_(failed.attempts > 0, failed.state.in_(of_messages.FAILURES), failed.created_at <= at - rules.FAILING_FOR)
    is_gone = failed.state == "permanent-failure"
    lasting = exists().where(
        failed.endpoint_id == Endpoint.id, failed.created_at >= Endpoint.proven_at, failed.kind != TEST, or_(is_old, is_gone), ~took
    )
    failing = select(Endpoint).where(Endpoint.state == "active", lasting).order_by(Endpoint.id).limit(TENDED_AT_ONCE)
    for endpoint in session.scalars(failing.with_for_update(skip_locked=True, of=Endpoint)):
        endpoint.state, endpoint.disabled_at, endpoint.version = "disabled", at, endpoint.version + 1
        last = select(Message.reason).where(Message.endpoint_id == endpoint.id, Message.state.in_(of_messages.FAILURES))
        endpoint.reason = session.scalar(last.order_by(Message.id.desc()).limit(1))
        _withdraw(session, [endpoint.id], "disabled")
        session.flush()
        outbox.add(session, endpoint_disabled(endpoint))


def _lock(session: Session, caller: Caller, endpoint_id: UUID) -> Endpoint:
    endpoint = lock_endpoint(session, caller, endpoint_id)
    versions.check_if_match(session, endpoint)
    return endpoint


def _changed(session: Session, endpoint: Endpoint) -> Endpoint:
    endpoint.version += 1
    session.flush()
    return endpoint


def _set_kinds(endpoint: Endpoint, kinds: Sequence[str]) -> None:
    """Set the kinds of notices. Raises `invalid` for one that nobody tells its holder."""
    known = rules.kinds_of(rules.side_of(endpoint))
    level = len(endpoint.region) if endpoint.region is not None else 0
    for place, kind in enumerate(kinds):
        if kind not in known or (level and rules.longest_region(kind) < level):
            raise _refused(f"#/kinds/{place}", "not_a_choice")
    endpoint.kinds = sorted(set(kinds))


def _send_test(session: Session, endpoint: Endpoint) -> None:
    at = now()
    if endpoint.tests_day != of_messages.day_of(at):
        endpoint.tests, endpoint.tests_day = 0, of_messages.day_of(at)
    if endpoint.tests >= rules.MOST_TESTS:
        raise too_many_tests(retry_after_seconds=int((of_messages.next_day(at) - at).total_seconds()) + 1)
    endpoint.tests += 1
    if endpoint.state != "active":
        # A code that still holds is sent again: its reader may have it from the test before.
        if not endpoint.proof or not endpoint.proof_until or endpoint.proof_until <= at:
            endpoint.proof = rules.make_proof()
        endpoint.proof_until = at + rules.PROOF_HOLDS
    session.flush()
    message_id = new_id()
    session.execute(insert(Message), [message_to(endpoint.id, endpoint.channel, TEST, message_id, at)])
    about = {"about": endpoint.id, "about_version": endpoint.version, "facts": {}, "more": 0}
    content = {"message_id": message_id, "endpoint_id": endpoint.id, "kind": TEST, "side": rules.side_of(endpoint)}
    session.execute(insert(Delivery), [content | about])
    session.execute(WAKE_SENDERS)


def _remove(session: Session, ids: Sequence[UUID]) -> None:
    if ids:
        _withdraw(session, ids, "gone")
        accounts = [f"{channel}.{one.hex}" for one in ids for channel in (rules.WEBHOOK, *DIALECTS)]
        session.execute(delete(ProviderState).where(ProviderState.name.in_(accounts)))
        session.execute(delete(Delivery).where(Delivery.endpoint_id.in_(ids)))
        session.execute(delete(Endpoint).where(Endpoint.id.in_(ids)))


def _withdraw(session: Session, ids: Sequence[UUID], reason: str) -> None:
    waiting = update(Message).where(Message.endpoint_id.in_(ids), Message.settled_at.is_(None))
    session.execute(waiting.values(state="withdrawn", reason=reason, settled_at=now()).execution_options(synchronize_session=False))


def _refused(pointer: str, code: str) -> Exception:
    return invalid(errors=[{"pointer": pointer, "code": FieldCode(code)}])
