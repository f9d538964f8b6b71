"""The columns of a stored photo, for the tables of services."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, new_id
from chassis.data.encryption import EncryptedBytes


class StoredPhoto:
    """A cleaned photo, as a mixin of a mapped class: `class Photo(StoredPhoto, Base)`. A removed photo keeps no picture.

    The same file has the same `digest`, so that a file sent twice is stored once. `data` is loaded only when the picture is wanted.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    added_by: Mapped[UUID]
    added_at: Mapped[datetime] = mapped_column(Moment)
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes | None] = mapped_column(EncryptedBytes, deferred=True)
    removed_at: Mapped[datetime | None] = mapped_column(Moment)
    removed_by: Mapped[UUID | None]
