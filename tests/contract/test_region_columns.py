"""Every column of every service that holds the code of a region follows it to its successor, or is left for a stated reason."""

from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from sqlalchemy import text

from chassis.data.region_moves import OF_CHASSIS
from chassis.testing.fixtures import RolledBack
from deploy.services import services

APART = {
    "region_changes.code": "the changes themselves",
    "region_changes.successors": "the changes themselves",
    "regions.code": "the register, which imports change",
    "region_spellings.code": "the register, which imports change",
    "household_versions.region": "what a version said; listeners replace ended codes",
    "household_versions.former_region": "what a version said; listeners replace ended codes",
    "region_aliases.old_code": "read by the release before only",
    "region_aliases.code": "read by the release before only",
}
"""Columns that stay, with the reason. `audit.entries` stays as it was written: its reader looks under earlier codes too."""
FOUND_OTHERWISE = {
    "appointments.region": "one row for each office in force, and few that ended",
    "import_mappings.region": "some hundred rows",
    **dict.fromkeys(("totals.region", "month_totals.region"), "counted anew with their facts"),
    **dict.fromkeys(("people.counted", "households.counted"), "marked with their rows, by key"),
    **dict.fromkeys(
        ("balance_told.region", "balance_changes.region", "need_count_changes.region", "need_figures.region"), "follow by triggers"
    ),
    "first_matches.region": "noted anew with their needs, by key",
    "pledges.not_for": "copied from their rules, by key",
}
"""Columns whose rows a move finds without an index on them, with the reason."""
_LEADING = text(
    """
    SELECT relname || '.' || attname FROM pg_index JOIN pg_class AS held ON held.oid = indrelid
    JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
    WHERE indpred IS NULL OR pg_get_expr(indpred, indrelid) = format('(%I IS NOT NULL)', attname)
    """
)
_COLUMNS = text(
    """
    SELECT relname || '.' || attname FROM pg_attribute JOIN pg_class AS held ON held.oid = attrelid
    WHERE relnamespace = CAST('public' AS regnamespace) AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped AND (
        format_type(atttypid, atttypmod) IN ('character varying(12)', 'character varying(12)[]') OR attname ~ 'region|^scope$|^not_for$'
    )
    """
)


@pytest.fixture(params=sorted(services()))
def house(request: pytest.FixtureRequest, database_of: Callable[[str, str], str]) -> Iterator[tuple[str, RolledBack]]:
    database = RolledBack(database_of(request.param, f"{request.param}_columns"), name="columns")
    with database.trial():
        yield request.param, database
    database.close()


def columns_of(database: RolledBack) -> set[str]:
    with database.begin() as session:
        return set(session.scalars(_COLUMNS))


def covered(service: str) -> set[str]:
    moves = (*OF_CHASSIS, *import_module(f"{service}.worker").Worker.region_moves)
    return {column for move in moves for column in move.covers}


def test_every_region_column_follows_or_has_a_reason(house: tuple[str, RolledBack]) -> None:
    service, database = house
    assert columns_of(database) - covered(service) - set(APART) == set()


def test_rows_of_an_ended_region_are_found_by_an_index(house: tuple[str, RolledBack]) -> None:
    service, database = house
    with database.begin() as session:
        assert covered(service) - set(session.scalars(_LEADING)) - FOUND_OTHERWISE.keys() == set()


def test_no_move_names_a_column_that_is_gone(house: tuple[str, RolledBack]) -> None:
    service, database = house
    with database.begin() as session:
        every = set(
            session.scalars(text("SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"))
        )
    assert covered(service) <= every


def test_a_new_region_column_is_noticed(house: tuple[str, RolledBack]) -> None:
    service, database = house
    with database.begin() as session:
        session.execute(text("CREATE TABLE visits (id uuid PRIMARY KEY, place varchar(12), region text, seen_in varchar(12)[])"))
    assert columns_of(database) - covered(service) - set(APART) == {"visits.place", "visits.region", "visits.seen_in"}
