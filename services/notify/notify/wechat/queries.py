"""Queries of WeChat links: a caller's own, and those of recipients when a message is planned or sent."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from notify.wechat.model import WechatLink


def get_own_link(session: Session, caller: Caller, *, lock: bool = False) -> WechatLink | None:
    """Get the caller's link, locked on request; None without one."""
    return session.get(WechatLink, caller.id, with_for_update=lock or None)


def find_links(session: Session, accounts: Collection[UUID]) -> dict[UUID, WechatLink]:
    """Find the links of these accounts, by account."""
    held = select(WechatLink).where(WechatLink.account_id.in_(accounts))
    return {one.account_id: one for one in session.scalars(held)} if accounts else {}
