"""Events of erasures, made from their rows: when one is done, and whenever it is published again."""

from contracts.users import PersonErased
from users.erasure.model import Erasure


def person_erased(erasure: Erasure) -> PersonErased:
    """Make the event of an erasure that is done. Raises ValueError for one that is not."""
    if erasure.erased_at is None:
        raise ValueError("nobody is erased yet")
    return PersonErased(
        version=erasure.version,
        person_id=erasure.id,
        account_id=erasure.account_id,
        household_id=erasure.household_id,
        erased_at=erasure.erased_at,
    )
