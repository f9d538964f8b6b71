"""Tables of lists: names of items that people settled, and the lists that were posted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, RegionCode, new_id, now
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
