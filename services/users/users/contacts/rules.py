"""Rules of contacts: which telephone gets messages, and whose it is."""

import re

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
