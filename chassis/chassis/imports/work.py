"""Working on imports: a table is checked or imported batch by batch.

Each batch is one transaction: it writes the rows of the service, those to look at, the counts and the cursor. So a process may die at
any moment; the next one begins behind the cursor. Nothing is written twice, and no batch is half written.
"""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from contextvars import copy_context
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from chassis.data.database import Database, is_statement_timeout, is_transient, now
from chassis.data.regions import regions_of_database
from chassis.http.auth import Caller
from chassis.imports import files
from chassis.imports.kinds import Imports
from chassis.imports.lines import OUTCOMES, Line
from chassis.imports.problems import import_too_slow
from chassis.imports.queries import find_due
from chassis.imports.rules import WORKING
from chassis.problems import Problem, broken
from chassis.tables.reading import Row, Table, open_table

T = TypeVar("T")
LOCKS = 0x696D706F
"""The class of advisory locks for imports."""
BATCH = 1_000
"""The most rows of a transaction."""
ATTEMPTS = 3
MOST_TRIES = 10
"""Processes that may die over the same rows of a table before it is given up; otherwise no other import would ever come."""
MOST_SLOW_TRIES = 5
"""Tries over the same rows that may end with a statement which took too long. An overloaded database needs minutes, not seconds."""
SLOW_PAUSE = timedelta(seconds=30)
"""The pause before the second of these tries; each further one is twice as long."""


def work_on_due(of: Imports, database: Database, giving_up: Callable[[], bool] = lambda: False) -> int:
    """Work on every import that waits and that no other process works on; return their number."""
    with database.begin() as session:
        due = find_due(of, session)
    return sum(work_on(of, database, import_id, giving_up) for import_id in due if not giving_up())


def work_on(of: Imports, database: Database, import_id: UUID, giving_up: Callable[[], bool] = lambda: False) -> bool:
    """Work on an import until its pass is done, or until `giving_up`. Return False when another process does.

    Raises errors of the database that a repetition may mend. A statement that took too long postpones the import, so that others come
    meanwhile; any other error ends it.
    """
    with _held(database, import_id) as is_held:
        if not is_held:
            return False
        one_pass = _Pass(of, database, import_id)
        try:
            one_pass.run(giving_up)
        except Exception as error:
            if is_transient(error):
                with suppress(DBAPIError):
                    one_pass.rest()
                raise
            if is_statement_timeout(error):
                _postpone(of, database, import_id)
                return True
            if not isinstance(error, Problem):
                of.log.error("an import ended with an error", exc_info=error, extra={"subject_id": str(import_id)})
            with database.begin() as session:
                _fail(of, session, import_id, error if isinstance(error, Problem) else broken())
    return True


@contextmanager
def _held(database: Database, import_id: UUID) -> Iterator[bool]:
    """Keep other processes from an import. PostgreSQL lets go of it when this process dies."""
    key = int.from_bytes(import_id.bytes[-4:], "big", signed=True)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_held = bool(connection.scalar(select(func.pg_try_advisory_lock(LOCKS, key))))
        try:
            yield is_held
        finally:
            if is_held:
                connection.scalar(select(func.pg_advisory_unlock(LOCKS, key)))


class _Pass:
    """One pass over the table of an import: its check or the import itself."""

    def __init__(self, of: Imports, database: Database, import_id: UUID) -> None:
        self._of, self._database, self._id = of, database, import_id
        self._first_rows = dict[bytes, int]()

    def run(self, giving_up: Callable[[], bool]) -> None:
        with self._database.begin() as session:
            one = session.get(self._of.imports, self._id, with_for_update=True)
            if one is None or one.state not in WORKING:
                return
            if one.tries >= MOST_TRIES:
                raise broken()
            one.tries += 1
            self._kind = self._of.kinds[one.kind]
            self._region, self._is_check, self._cursor = one.region, one.is_check, one.cursor
            mapping, sheet = dict(one.mapping), one.sheet
        with self._database.begin() as session:
            file = files.load(self._of, session, self._id)
        if file is None:
            raise broken()
        table = open_table(file, self._kind.columns_for(self._region), mapping, sheet)
        self._reader = self._kind.reader_for(self._region)
        self._begin(table)
        with regions_of_database(self._database) as look_up, closing(_one_ahead(self._batches(table.rows, look_up))) as batches:
            for batch in batches:
                if batch and giving_up():
                    self.rest()
                    return
                if batch and not self._deal_with(batch):
                    return
        self._end()

    def _begin(self, table: Table) -> None:
        """Say what was found out about the file."""
        with self._database.begin() as session:
            one = self._lock(session)
            if one and one.table_read is None:
                one.table_read = json.dumps(table.said(), ensure_ascii=False)
                one.version += 1

    def rest(self) -> None:
        """Note that this pass stops for another reason than the table."""
        with self._database.begin() as session:
            if one := session.get(self._of.imports, self._id, with_for_update=True):
                one.tries = 0

    def _batches(self, rows: Iterator[Row], look_up: Callable[[Iterable[str]], None]) -> Iterator[list[Line]]:
        """Yield the lines batch by batch; a batch whose lines are all before the cursor is empty."""
        while batch := list(islice(rows, min(self._kind.batch, BATCH))):
            look_up(row.values.get("region", "") for row in batch)
            yield list(self._lines(batch))

    def _lines(self, rows: Iterable[Row]) -> Iterator[Line]:
        """Yield the lines behind the cursor. Lines before it are read too, because a later one may repeat them."""
        for row in rows:
            line = self._reader.read(row)
            self._refuse_repeated(line)
            if line.number > self._cursor:
                yield line

    def _refuse_repeated(self, line: Line) -> None:
        key = self._kind.key_of(line)
        if key is None:
            return
        first = self._first_rows.setdefault(key[:8] if len(key) == 32 else key, line.number)
        if first != line.number:
            line.refuse("row_repeated", row=first)
            line.is_judged = False

    def _deal_with(self, batch: Sequence[Line]) -> bool:
        """Judge or write a batch in one transaction; return False when another process was faster, or the import has ended."""
        for attempt in range(ATTEMPTS):
            try:
                with self._database.begin() as session:
                    return self._write(session, batch)
            except IntegrityError:
                # Somebody registered one of these meanwhile; the next attempt finds it.
                if attempt == ATTEMPTS - 1:
                    raise
                for line in batch:
                    line.forget()
        return False

    def _write(self, session: Session, batch: Sequence[Line]) -> bool:
        one = self._lock(session)
        if one is None:
            return False
        caller = _caller_of(session, one)
        if not caller.manages(one.region):
            raise self._of.outside()
        valid = [line for line in batch if line.outcome != "refused"]
        if self._is_check:
            self._kind.judge(session, caller, one, valid)
        else:
            self._kind.write(session, caller, one, valid)
        files.store_rows(self._of, session, one.id, self._is_check, batch)
        self._count(one, batch)
        one.cursor, one.tries = batch[-1].number, 0
        one.version += 1
        session.flush()
        self._cursor = one.cursor
        return True

    def _lock(self, session: Session) -> Any:
        """Lock the import; None when it is no longer where this pass has left it."""
        one = session.get(self._of.imports, self._id, with_for_update=True)
        is_ours = one is not None and one.state in WORKING and one.is_check == self._is_check and one.cursor == self._cursor
        return one if is_ours else None

    def _count(self, one: Any, batch: Sequence[Line]) -> None:
        counts = dict.fromkeys(OUTCOMES, 0) | (one.found if self._is_check else one.written)
        for line in batch:
            counts[line.outcome] += 1
            for note in line.notes:
                counts[note.code] = counts.get(note.code, 0) + 1
        if self._is_check:
            one.found = counts
        else:
            one.written = counts

    def _end(self) -> None:
        with self._database.begin() as session:
            one = self._lock(session)
            if one is None:
                return
            counts = one.found if self._is_check else one.written
            one.rows = sum(counts.get(outcome, 0) for outcome in OUTCOMES)
            one.state, one.tries = "checked" if self._is_check else "done", 0
            one.version += 1
            if not self._is_check:
                one.ended_at = now()
                files.delete_file(self._of, session, one.id)


def _one_ahead(batches: Iterator[list[T]]) -> Generator[list[T], None, None]:
    """Yield each batch while a thread makes the next one: reading takes this process's time, writing the database's."""
    context = copy_context()

    def make() -> list[T] | None:
        return context.run(next, batches, None)

    with ThreadPoolExecutor(1, "reading") as reader:
        coming = reader.submit(make)
        while (batch := coming.result()) is not None:
            coming = reader.submit(make)
            yield batch


def _caller_of(session: Session, one: Any) -> Caller:
    """Return the person in whose name an import works, with the regions that they manage now."""
    return Caller(one.confirmed_by or one.created_by, "staff", session, None, gave_second_factor=True)


def _postpone(of: Imports, database: Database, import_id: UUID) -> None:
    """Let an import wait after a statement that took too long; end it when too many tries over the same rows did."""
    with database.begin() as session:
        one = session.get(of.imports, import_id, with_for_update=True)
        if one is None or one.state not in WORKING:
            return
        if one.tries >= MOST_SLOW_TRIES:
            of.log.error("an import is too slow for the database", extra={"subject_id": str(import_id)})
            _fail(of, session, import_id, import_too_slow())
            return
        one.waits_until = now() + SLOW_PAUSE * 2 ** max(0, one.tries - 1)
        of.log.warning("an import waits for the database", extra={"subject_id": str(import_id), "attempt": one.tries})


def _fail(of: Imports, session: Session, import_id: UUID, problem: Problem) -> None:
    one = session.get(of.imports, import_id, with_for_update=True)
    if one is not None and one.state in WORKING:
        details: dict[str, Any] = {name: str(value) for name, value in problem.details.items()}
        one.state, one.problem, one.ended_at = "failed", json.dumps([problem.code, details], ensure_ascii=False), now()
        one.version += 1
