"""Erase what needs, photos and drafts hold about people: of those who were erased, and what is old."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from contracts.users import PersonErased
from needs import actions
from needs.drafts import actions as drafts
from needs.photos import actions as photos
from needs.pledge_lists import actions as pledge_lists


def erase_people(session: Session, events: Sequence[PersonErased]) -> None:
    """End the open needs and pledges of people who were erased, and erase the texts, photos and drafts about them."""
    actions.erase_people(session, events)
    photos.erase_people(session, events)
    drafts.erase_people(session, events)
    pledge_lists.erase_people(session, events)


def erase_old_texts(session: Session) -> None:
    """Erase the texts and photos of needs and pledges that ended longer ago than texts are kept."""
    actions.erase_old_texts(session)
    photos.erase_old_photos(session)
