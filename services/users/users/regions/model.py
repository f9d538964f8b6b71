"""Tables of regions and of their former codes."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import RegionCode
from users.base import Base


class Region(Base):
    """A division from province to village. The length of its code gives its level, the start of the code the regions around it."""

    __tablename__ = "regions"

    code: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class RegionAlias(Base):
    """A former code and name of a region, from an earlier edition of the national codes."""

    __tablename__ = "region_aliases"

    old_code: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    old_name: Mapped[str] = mapped_column(String(100))
    code: Mapped[str] = mapped_column(RegionCode)
