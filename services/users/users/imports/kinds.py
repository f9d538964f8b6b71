"""The kinds of imports: the columns of each, its fields, and how its lines are judged and written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from chassis.http.auth import VILLAGE_DIGITS, Caller
from chassis.http.fields import Schema
from chassis.tables.columns import Column
from users.imports import accounts, administrators, households
from users.imports.columns import ACCOUNTS, ADMINISTRATORS, HOUSEHOLDS
from users.imports.lines import Line
from users.imports.model import ImportKind


@dataclass(frozen=True)
class Kind:
    """A kind of import. `judge` sets the outcome of valid lines, `write` writes them too; both get the region that the table is for."""

    columns: Sequence[Column]
    schema: Schema
    key_of: Callable[[Line], bytes | None]
    judge: Callable[[Session, Caller, str, Sequence[Line]], object]
    write: Callable[[Session, Caller, str, Sequence[Line], bool], None]
    has_own_region: bool
    """Whether each row has to state its region, except in a table of one village."""

    def columns_for(self, region: str) -> list[Column]:
        """Return the columns of a table of this region."""
        is_stated = self.has_own_region and len(region) < VILLAGE_DIGITS
        return [replace(one, required=is_stated) if one.field == "region" and self.has_own_region else one for one in self.columns]

    def defaults_for(self, region: str) -> Mapping[str, Any]:
        """Return the values of fields that a row leaves empty."""
        return {} if self.has_own_region and len(region) < VILLAGE_DIGITS else {"region": region}


KINDS: Mapping[ImportKind, Kind] = {
    "households": Kind(HOUSEHOLDS, households.SCHEMA, households.key_of, households.judge, households.write, has_own_region=True),
    "accounts": Kind(ACCOUNTS, accounts.SCHEMA, accounts.key_of, accounts.judge, accounts.write, has_own_region=False),
    "administrators": Kind(
        ADMINISTRATORS, administrators.SCHEMA, administrators.key_of, administrators.judge, administrators.write, has_own_region=True
    ),
}
