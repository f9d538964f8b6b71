"""Tables of imports: an uploaded table and its progress, its sealed file, the rows to look at, and saved mappings of headings."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted, EncryptedBytes
from users.base import Base

ImportKind = Literal["households", "accounts", "administrators"]
ImportState = Literal["checking", "checked", "importing", "done", "failed", "expired"]


class Import(Base):
    """An uploaded table of one region. It is checked first (a dry run), then imported when somebody confirms it.

    `cursor` is the last row of the file that the present pass has dealt with; a process that goes on begins behind it. `tries` counts the
    processes that have begun since it moved last. `found` counts rows by the outcome that the check expects, `written` by what the import
    did. `table_read` says what was found out about the file, as JSON; `problem` holds code and details of what ended the import.
    """

    __tablename__ = "imports"
    __person__ = "id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    kind: Mapped[ImportKind] = mapped_column(String(20))
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


class ImportPart(Base):
    """A part of an uploaded file, encrypted. Parts are deleted when the import is done or its time is over."""

    __tablename__ = "import_parts"
    __person__ = "import_id"

    import_id: Mapped[UUID] = mapped_column(ForeignKey(Import.id), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    content: Mapped[bytes] = mapped_column(EncryptedBytes)


class ImportRows(Base):
    """Rows of one batch to look at: refused, doubtful or changed ones with their cells, as compressed JSON, encrypted."""

    __tablename__ = "import_rows"
    __person__ = "import_id"

    import_id: Mapped[UUID] = mapped_column(ForeignKey(Import.id), primary_key=True)
    is_check: Mapped[bool] = mapped_column(primary_key=True)
    last_row: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    content: Mapped[bytes] = mapped_column(EncryptedBytes)


class ImportMapping(Base):
    """A saved mapping: which field each heading of a region's tables names. A heading with a field of null is left unread."""

    __tablename__ = "import_mappings"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    kind: Mapped[ImportKind] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    name: Mapped[str] = mapped_column(String(60))
    columns: Mapped[list[tuple[str, str | None]]] = mapped_column(JSONB)
    saved_by: Mapped[UUID]
    saved_at: Mapped[datetime] = mapped_column(Moment, default=now)
    removed_at: Mapped[datetime | None] = mapped_column(Moment)
