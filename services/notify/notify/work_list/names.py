"""The door of users for names. They are fetched with the token of whoever prints the work list, and are kept nowhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

import httpx
import msgspec

from chassis.problems import unavailable

SECONDS = 2.0
PURPOSE = "work_list"


@dataclass(frozen=True, repr=False)
class Named:
    """A household or an institution by name. It stays in memory, and has no readable form for logs.

    `whose` its telephone is: `own`, `shared`, a `neighbour`'s or a `landline`; None where the village did not say.
    """

    id: UUID
    name: str
    address: str | None = None
    telephone: str | None = None
    whose: str | None = None


@dataclass(frozen=True)
class Place:
    """The collection point of a village, which is public."""

    name: str
    address: str
    hours: str
    telephone: str | None = None


@dataclass(frozen=True, repr=False)
class Names:
    """The names behind a work list, and the collection point of its village."""

    items: list[Named]
    place: Place | None = None

    @property
    def by_id(self) -> Mapping[UUID, Named]:
        return {one.id: one for one in self.items}


def fetch_names(users_url: str, token: str, ids: Collection[UUID]) -> Names:
    """Fetch the names of households, as the owner of the token. Others than their own village's are left out.

    Users records each look under the owner's name. Raises `unavailable` when users does not answer.
    """
    if not ids:
        return Names([])
    body = {"purpose": PURPOSE, "ids": sorted(map(str, ids))}
    try:
        answer = httpx.post(
            f"{users_url}/internal/contacts/names",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=SECONDS,
            trust_env=False,
            follow_redirects=False,
        )
        return msgspec.json.decode(answer.raise_for_status().content, type=Names)
    except (httpx.HTTPError, msgspec.MsgspecError):
        # An exception of the client may quote the answer, which holds names: it is not chained.
        raise unavailable(retry_after_seconds=5) from None
