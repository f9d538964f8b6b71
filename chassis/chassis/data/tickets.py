"""Tickets: secrets that stand for an access token once, within half a minute, where a browser cannot send the token itself."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, delete, func, insert
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from chassis.data.database import Moment, now, tables

LIFE = timedelta(seconds=30)

tickets = Table(
    "tickets",
    tables,
    Column("digest", LargeBinary, primary_key=True),
    Column("claims", JSONB, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)


def make_ticket(session: Session, claims: dict[str, Any]) -> tuple[str, datetime]:
    """Make a ticket for whoever these claims of a verified token describe; return it and the end of its time."""
    ticket, expires_at = secrets.token_urlsafe(32), now() + LIFE
    session.execute(insert(tickets).values(digest=_digest(ticket), claims=claims, expires_at=expires_at))
    return ticket, expires_at


def redeem_ticket(session: Session, ticket: str) -> dict[str, Any] | None:
    """Use up a ticket; return its claims. None for one that was used, has expired or never was."""
    used = delete(tickets).where(tickets.c.digest == _digest(ticket), tickets.c.expires_at > func.clock_timestamp())
    claims: dict[str, Any] | None = session.scalar(used.returning(tickets.c.claims))
    return claims


def delete_expired(session: Session) -> None:
    """Delete tickets that nobody used in time."""
    session.execute(delete(tickets).where(tickets.c.expires_at < func.now()))


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
