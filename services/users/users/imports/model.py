"""Tables of imports: an uploaded table and its progress, its sealed file, the rows to look at, and saved mappings of headings."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.imports.model import StoredImport, StoredImportPart, StoredImportRows
from users.base import Base

ImportKind = Literal["households", "accounts", "administrators"]


class Import(StoredImport, Base):
    """An uploaded table of one region."""

    __tablename__ = "imports"
    __person__ = "id"


class ImportPart(StoredImportPart, Base):
    """A part of an uploaded file."""

    __tablename__ = "import_parts"
    __person__ = "import_id"


class ImportRows(StoredImportRows, Base):
    """Rows of one batch to look at."""

    __tablename__ = "import_rows"
    __person__ = "import_id"


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
