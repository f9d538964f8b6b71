"""The table of photos of needs."""

from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.photos.model import StoredPhoto
from needs.model import Base, Need


class NeedPhoto(StoredPhoto, Base):
    """A photo of a need (`need`), or of the signed slip for a post on behalf (`consent`). The public sees what a reviewer showed it."""

    __tablename__ = "need_photos"

    need_id: Mapped[UUID] = mapped_column(ForeignKey("needs.id"))
    kind: Mapped[str] = mapped_column(String(10))
    is_public: Mapped[bool] = mapped_column(default=False)
    shown_by: Mapped[UUID | None]
    need: Mapped[Need] = relationship(viewonly=True)
