"""Tables of lists: names of items that people settled, the lists that were posted, and large tables that are imported."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, RegionCode, new_id, now
from chassis.imports.model import StoredImport, StoredImportPart, StoredImportRows
from needs.model import Base


class ItemName(Base):
    """A name under which a county's lists ask for an item of the catalogue, as somebody settled it last."""

    __tablename__ = "item_names"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    written: Mapped[str] = mapped_column(String(60), primary_key=True)
    category: Mapped[str] = mapped_column(CategoryCode)
    uses: Mapped[int] = mapped_column(BigInteger, default=1)
    settled_by: Mapped[UUID]
    settled_at: Mapped[datetime] = mapped_column(Moment, default=now)


class NeedList(Base):
    """A list of needs of one household or institution that was posted as a whole."""

    __tablename__ = "need_lists"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    household_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    posted_by: Mapped[UUID]
    posted_at: Mapped[datetime] = mapped_column(Moment, default=now)


class NeedListLine(Base):
    """A line of a posted list, with the row of the spreadsheet that it came from, and its need."""

    __tablename__ = "need_list_lines"

    list_id: Mapped[UUID] = mapped_column(ForeignKey(NeedList.id), primary_key=True)
    need_id: Mapped[UUID] = mapped_column(primary_key=True)
    row: Mapped[int | None] = mapped_column(BigInteger)


class Import(StoredImport, Base):
    """An uploaded table with needs of many households of one region. `unknown_names` counts the rows of each name that no item has."""

    __tablename__ = "imports"

    unknown_names: Mapped[dict[str, int]] = mapped_column(JSONB, default=dict)


class ImportPart(StoredImportPart, Base):
    """A part of an uploaded file."""

    __tablename__ = "import_parts"


class ImportRows(StoredImportRows, Base):
    """Rows of one batch to look at."""

    __tablename__ = "import_rows"


class ImportedLine(Base):
    """A row of a table that became a need. `digest` is equal for rows that ask for the same, which are posted once."""

    __tablename__ = "imported_lines"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    need_id: Mapped[UUID]
    import_id: Mapped[UUID] = mapped_column(ForeignKey(Import.id))
    row: Mapped[int] = mapped_column(BigInteger)
