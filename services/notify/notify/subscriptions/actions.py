"""Actions on subscriptions: subscribe a browser, end that, forget those that a push service does not know any more."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.data.encryption import fingerprint
from chassis.http.auth import Caller
from chassis.problems import FieldCode, invalid
from notify.channels.push import find_host
from notify.settings import PushSettings
from notify.subscriptions import queries, rules
from notify.subscriptions.model import PushSubscription


def subscribe(session: Session, caller: Caller, wanted: Mapping[str, Any], settings: PushSettings) -> PushSubscription:
    """Subscribe a browser of the caller's; the same browser again gets its newest keys, and leaves the account that it had before.

    Raises `invalid` for an address that is none of a push service, and for keys that are none.
    """
    errors = [
        {"pointer": f"#/{name}", "code": FieldCode("wrong")}
        for name, is_right in (
            ("endpoint", find_host(wanted["endpoint"], settings.hosts) is not None),
            ("keys/p256dh", rules.is_public_key(wanted["keys"]["p256dh"])),
            ("keys/auth", rules.is_auth(wanted["keys"]["auth"])),
        )
        if not is_right
    ]
    if errors:
        raise invalid(errors=errors)
    # One subscription of an account at a time, so that none is added past the limit.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("notify.subscriptions"), func.hashtext(str(caller.id)))))
    key = fingerprint(wanted["endpoint"])
    # Of two accounts that subscribe one browser at once, the later one has it.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("notify.browsers"), func.hashtext(key.hex()))))
    session.execute(delete(PushSubscription).where(PushSubscription.fingerprint == key))
    held = queries.list_own_subscriptions(session, caller)
    for one in held[rules.MOST - 1 :]:
        session.delete(one)
    session.flush()
    subscription = PushSubscription(
        id=new_id(),
        account_id=caller.id,
        fingerprint=key,
        endpoint=wanted["endpoint"],
        public_key=wanted["keys"]["p256dh"],
        auth=wanted["keys"]["auth"],
        language=wanted["language"],
        created_at=now(),
    )
    session.add(subscription)
    session.flush()
    return subscription


def unsubscribe(session: Session, caller: Caller, subscription_id: UUID) -> None:
    """End a subscription of the caller's. Raises `not_found`."""
    session.delete(queries.get_own_subscription(session, caller, subscription_id, lock=True))
    session.flush()


def forget(session: Session, ids: Collection[UUID]) -> None:
    """Forget subscriptions that their push service does not know any more."""
    session.execute(delete(PushSubscription).where(PushSubscription.id.in_(ids)))


def delete_subscriptions_of(session: Session, accounts: Collection[UUID]) -> None:
    """Delete the subscriptions of people who were erased."""
    session.execute(delete(PushSubscription).where(PushSubscription.account_id.in_(accounts)))
