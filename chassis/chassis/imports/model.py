"""The columns of imports, for the tables of services: an uploaded table and its progress, its sealed file, the rows to look at."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted, EncryptedBytes

ImportState = Literal["checking", "checked", "importing", "done", "failed", "expired"]


class StoredImport:
    """An uploaded table of one region, as a mixin: `class Import(StoredImport, Base)` with the table `imports`.

    It is checked first (a dry run), then imported when somebody confirms it. `cursor` is the last row of the file that the present pass
    has dealt with; a process that goes on begins behind it. `tries` counts the processes that have begun since it moved last; one
    that a busy database has slowed down too much begins again after `waits_until`. `found`
    counts rows by the outcome that the check expects, `written` by what the import did. `table_read` says what was found out about the
    file, as JSON; `problem` holds code and details of what ended the import.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    kind: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    state: Mapped[ImportState] = mapped_column(String(20), default="checking")
    sheet: Mapped[str | None] = mapped_column(Encrypted)
    mapping: Mapped[dict[str, str | None]] = mapped_column(JSONB, default=dict)
    size: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int | None] = mapped_column(BigInteger)
    cursor: Mapped[int] = mapped_column(BigInteger, default=0)
    found: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict)
    written: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict)
    table_read: Mapped[str | None] = mapped_column(Encrypted)
    problem: Mapped[str | None] = mapped_column(Encrypted)
    takes_doubtful: Mapped[bool] = mapped_column(default=False)
    tries: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    waits_until: Mapped[datetime | None] = mapped_column(Moment)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    confirmed_by: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    keep_until: Mapped[datetime] = mapped_column(Moment)
    deleted_at: Mapped[datetime | None] = mapped_column(Moment)

    @property
    def is_check(self) -> bool:
        """Whether the present pass is the check, which nobody has confirmed yet."""
        return self.confirmed_at is None


class StoredImportPart:
    """A part of an uploaded file, encrypted. Parts are deleted when the import is done or its time is over."""

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    content: Mapped[bytes] = mapped_column(EncryptedBytes)


class StoredImportRows:
    """Rows of one batch to look at: refused, doubtful or changed ones with their cells, as compressed JSON, encrypted."""

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    is_check: Mapped[bool] = mapped_column(primary_key=True)
    last_row: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    content: Mapped[bytes] = mapped_column(EncryptedBytes)
