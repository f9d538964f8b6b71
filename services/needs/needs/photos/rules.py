"""Rules of photos of needs: who adds, sees, removes and shows them, and how many there are."""

from collections.abc import Mapping
from uuid import UUID

from chassis.http.auth import Caller
from chassis.photos.problems import enough_photos
from chassis.problems import Problem, not_allowed, not_found, state_conflict
from needs.model import Need
from needs.photos.model import NeedPhoto
from needs.problems import own_need
from needs.rules import view_of

ADDING = {"need": "add_need_photo", "consent": "add_consent_photo"}
"""The operation that adds a photo, by its kind."""
MOST_PHOTOS = {"need": 4, "consent": 2}
OPEN = {"need": frozenset({"posted", "confirmed", "returned", "published"}), "consent": frozenset({"posted", "returned"})}
"""The states of a need in which its side adds and removes photos of each kind. A slip stays once it was judged."""
PUBLIC_STATES = frozenset({"published", "closed", "expired", "met"})


def find_adding_problem(caller: Caller, need: Need, kind: str, count: int) -> Problem | None:
    """Return the problem that keeps the caller from adding a photo to `count` of its kind: the need's side may, slips on behalf alone."""
    view = view_of(caller, need)
    if view == "public":
        return not_found()
    if view != "own" or (kind == "consent" and need.consent is None):
        return not_allowed()
    if need.state not in OPEN[kind]:
        return state_conflict(state=need.state)
    return enough_photos(most=MOST_PHOTOS[kind]) if count >= MOST_PHOTOS[kind] else None


def photo_acts_on_need(caller: Caller | None, need: Need, counts: Mapping[tuple[UUID, str], int]) -> list[str]:
    """List the operations that add photos and that the caller may carry out on the need; `counts` are its photos by need and kind."""
    if caller is None:
        return []
    return [act for kind, act in ADDING.items() if find_adding_problem(caller, need, kind, counts.get((need.id, kind), 0)) is None]


def find_removal_problem(caller: Caller, photo: NeedPhoto) -> Problem | None:
    """Return the problem that keeps the caller from removing a photo: the need's side may, and administrators that of a need."""
    need = photo.need
    is_side = view_of(caller, need) == "own"
    if not may_see_photo(caller, photo):
        return not_found()
    if not is_side and not (photo.kind == "need" and caller.manages(need.region)):
        return not_allowed()
    if photo.removed_at:
        return state_conflict(state="removed")
    return state_conflict(state=need.state) if is_side and need.state not in OPEN[photo.kind] else None


def find_showing_problem(caller: Caller, photo: NeedPhoto) -> Problem | None:
    """Return the problem that keeps the caller from showing a photo to the public, or hiding it: another administrator than the poster."""
    need = photo.need
    if not may_see_photo(caller, photo):
        return not_found()
    if caller.id in {need.poster_id, need.account_id}:
        return own_need()
    if photo.kind != "need" or not caller.manages(need.region):
        return not_allowed()
    return state_conflict(state="removed") if photo.removed_at else None


def may_see_photo(caller: Caller | None, photo: NeedPhoto) -> bool:
    """Tell whether the caller may see a photo: its need's side and the reviewers all, everybody else what is public."""
    if view_of(caller, photo.need) != "public":
        return True
    return photo.is_public and photo.removed_at is None and photo.need.state in PUBLIC_STATES


def acts_on_photo(caller: Caller | None, photo: NeedPhoto) -> list[str]:
    """List the operations that the caller may carry out on the photo now."""
    if caller is None:
        return []
    found = {"remove_need_photo": find_removal_problem(caller, photo), "show_need_photo": find_showing_problem(caller, photo)}
    return [act for act, problem in found.items() if problem is None]
