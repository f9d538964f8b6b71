"""The table of links between accounts and WeChat. The openid is encrypted, and goes with its account."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment
from chassis.data.encryption import Encrypted
from notify.model import Base


class WechatLink(Base):
    """An account's link. `code` is what the mini-program got for its owner; the sending process exchanges it for the `openid`.

    `fingerprint` is that of the openid, which belongs to one account at a time. `message_id` is the message that exchanges the code.
    """

    __tablename__ = "wechat_links"
    __table_args__ = (UniqueConstraint("fingerprint", name="wechat_links_fingerprint_key"),)

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID]
    code: Mapped[str | None] = mapped_column(Encrypted)
    openid: Mapped[str | None] = mapped_column(Encrypted)
    fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary)
    requested_at: Mapped[datetime] = mapped_column(Moment)
    linked_at: Mapped[datetime | None] = mapped_column(Moment)
