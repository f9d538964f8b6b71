"""Tables of lists of pledges: the lists, their lines, and the names of items that each giver has settled."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, new_id, now
from needs.model import Base


class GiverItemName(Base):
    """A name under which a giver's lists offer an item of the catalogue, as the giver settled it last."""

    __tablename__ = "giver_item_names"

    giver_id: Mapped[UUID] = mapped_column(primary_key=True)
    written: Mapped[str] = mapped_column(String(60), primary_key=True)
    category: Mapped[str] = mapped_column(CategoryCode)
    uses: Mapped[int] = mapped_column(BigInteger, default=1)
    settled_at: Mapped[datetime] = mapped_column(Moment, default=now)


class PledgeList(Base):
    """A list of pledges that a giver offered as a whole."""

    __tablename__ = "pledge_lists"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    giver_id: Mapped[UUID]
    offered_at: Mapped[datetime] = mapped_column(Moment, default=now)


class PledgeListLine(Base):
    """A line of an offered list, with its row in the spreadsheet and its pledge. `digest` is equal for lines that offer the same."""

    __tablename__ = "pledge_list_lines"

    list_id: Mapped[UUID] = mapped_column(ForeignKey(PledgeList.id), primary_key=True)
    pledge_id: Mapped[UUID] = mapped_column(primary_key=True)
    row: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
