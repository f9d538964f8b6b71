"""Actions of the pantry. Some event versions have special effects, so that a test can trigger them."""

import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.messaging import outbox
from contracts.event import Event, name_of
from contracts.generate import example_of
from contracts.needs import NeedClosed, NeedWithdrawn
from pantry.model import Taken, Withdrawal

POISON = 13
SLOW = 60
HOLD = 61
DEADLY = 666
_EXAMPLE = example_of(NeedWithdrawn)
PERSONAL = "住在幸福路三号的王奶奶"


class Spoilt(Exception):
    """An error whose text must never appear in a log."""


def take(session: Session, events: Sequence[Event]) -> None:
    if any(event.version == POISON for event in events):
        raise Spoilt(PERSONAL)
    if any(event.version == DEADLY for event in events):
        os.kill(os.getpid(), signal.SIGKILL)
    if any(event.version == SLOW for event in events):
        session.execute(text("SELECT pg_sleep(1)"))
    if any(event.version == HOLD for event in events):
        wait_while_held(session)
    session.execute(insert(Taken), [{"name": name_of(type(event)), "subject": event.subject} for event in events])


def publish_because(session: Session, event: NeedClosed) -> None:
    """Publish an event because another one was handled."""
    if event.version == HOLD:
        wait_while_held(session)
    outbox.add(session, _withdrawn(event.region))


def wait_while_held(session: Session) -> None:
    """Wait until the test releases this lock."""
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:hold)"), {"hold": HOLD})


def withdraw(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Withdrawal:
    withdrawal = Withdrawal(asked_by=caller.id, **wanted)
    session.add(withdrawal)
    session.flush()
    outbox.add(session, _withdrawn(withdrawal.region))
    return withdrawal


def nap(session: Session, milliseconds: int, times: int) -> None:
    for _ in range(times):
        session.execute(select(func.pg_sleep(milliseconds / 1000)))


def _withdrawn(region: str) -> NeedWithdrawn:
    return replace(_EXAMPLE, need_id=new_id(), region=region)
