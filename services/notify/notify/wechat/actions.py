"""Actions on WeChat links: ask for one, note the openid, end it."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.http.auth import Caller
from notify.wechat.model import WechatLink
from notify.wechat.queries import get_own_link


def ask_for_link(session: Session, caller: Caller, message_id: UUID, code: str) -> WechatLink:
    """Note the code that the mini-program got for the caller. An earlier link stays until the code is exchanged."""
    at = now()
    fresh = insert(WechatLink).values(account_id=caller.id, message_id=message_id, requested_at=at)
    session.execute(fresh.on_conflict_do_nothing())
    link = session.get_one(WechatLink, caller.id, with_for_update=True, populate_existing=True)
    link.message_id, link.code, link.requested_at = message_id, code, at
    session.flush()
    return link


def link_openid(session: Session, message_id: UUID, openid: str) -> None:
    """Note the openid that a code was exchanged for. It leaves the account that it had before; a link that ended meanwhile stays ended."""
    key = fingerprint(openid)
    # Of two accounts that one WeChat user links at once, the later one has the link.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("notify.openids"), func.hashtext(key.hex()))))
    link = session.scalars(select(WechatLink).where(WechatLink.message_id == message_id).with_for_update()).first()
    if link is None:
        return
    session.execute(delete(WechatLink).where(WechatLink.fingerprint == key, WechatLink.account_id != link.account_id))
    link.openid, link.fingerprint, link.code, link.linked_at = openid, key, None, now()
    session.flush()


def end_link(session: Session, caller: Caller) -> None:
    """End the caller's link; a second time changes nothing."""
    if link := get_own_link(session, caller, lock=True):
        session.delete(link)
        session.flush()


def delete_links_of(session: Session, accounts: Collection[UUID]) -> None:
    """Delete the links of people who were erased."""
    session.execute(delete(WechatLink).where(WechatLink.account_id.in_(accounts)))
