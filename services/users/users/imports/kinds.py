"""The kinds of imports: the columns of each, its fields, and how its lines are judged and written."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.imports.kinds import Imports, Kind
from users.imports import accounts, administrators, households
from users.imports.columns import ACCOUNTS, ADMINISTRATORS, HOUSEHOLDS
from users.imports.lines import Line, LineReader
from users.imports.model import Import, ImportKind, ImportPart, ImportRows
from users.problems import outside_region

log = logging.getLogger("users.imports")


def _kind(columns: Sequence[Any], room: Any, *, has_own_region: bool) -> Kind:
    """Make a kind of the functions of its module."""
    judge: Callable[[Session, Caller, str, Sequence[Line]], object] = room.judge
    return Kind(
        columns,
        room.SCHEMA,
        room.key_of,
        lambda session, caller, one, lines: judge(session, caller, one.region, lines),
        lambda session, caller, one, lines: room.write(session, caller, one.region, lines, one.takes_doubtful),
        has_own_region,
        LineReader,
        Line,
    )


KINDS: Mapping[ImportKind, Kind] = {
    "households": _kind(HOUSEHOLDS, households, has_own_region=True),
    "accounts": _kind(ACCOUNTS, accounts, has_own_region=False),
    "administrators": _kind(ADMINISTRATORS, administrators, has_own_region=True),
}
IMPORTS = Imports(Import, ImportPart, ImportRows, KINDS, log, outside_region)
