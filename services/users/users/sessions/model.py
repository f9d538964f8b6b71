"""Table of sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, new_id
from chassis.data.encryption import Encrypted
from users.accounts.model import Account
from users.base import Base


class SignIn(Base):
    """A session, which begins with a sign-in. `id` is half of its refresh tokens; only `session_id` is ever shown.

    `salt` and `renewals` tell which refresh tokens were its own. Processes of the release before write `replaced_hash`; nobody reads it.
    """

    __tablename__ = "sign_ins"
    __person__ = "account_id"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(default=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    token_hash: Mapped[bytes]
    replaced_hash: Mapped[bytes | None]
    salt: Mapped[bytes | None]
    renewals: Mapped[int] = mapped_column(default=0)
    repeated_renewal: Mapped[int | None]
    client_key_hash: Mapped[bytes | None]
    device: Mapped[str] = mapped_column(String(20))
    label: Mapped[str | None] = mapped_column(Encrypted)
    started_at: Mapped[datetime] = mapped_column(Moment)
    refreshed_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_because: Mapped[str | None] = mapped_column(String(20))
    second_factor_at: Mapped[datetime | None] = mapped_column(Moment)
