"""Rules of contacts: which telephone gets messages, whose it is, and who reads the names of a village's households."""

import re

from chassis.http.auth import Caller
from users.households.model import Household
from users.households.rules import view_of

MOST = 200
"""Recipients of one look-up."""
_MOBILE = re.compile(r"\+861[3-9][0-9]{9}\Z", re.ASCII)
WHOSE = {"own": "own", "shared": "shared", "neighbour": "neighbour"}


def mobile(telephone: str | None) -> str | None:
    """Return a mobile number of mainland China; None for any other telephone, which gets no SMS."""
    return telephone if telephone and _MOBILE.match(telephone) else None


def whose(kind: str | None) -> str:
    """Return whose a household's mobile is; where the village did not say, it may be anybody's who shares it."""
    return WHOSE.get(kind or "", "shared")


def may_name(caller: Caller, household: Household) -> bool:
    """Tell whether the caller reads the name of a household: its village's own administrator does, while it stands in the register."""
    return household.ended_at is None and view_of(caller, household) == "village"
