"""Failures of processes and commands that an operator can mend: each ends the process with one line instead of a traceback."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NoReturn, ParamSpec

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis.environment import SettingsError

P = ParamSpec("P")
NO_TABLE, NO_COLUMN, NOT_ALLOWED, READ_ONLY = "42P01", "42703", "42501", "25006"
REMEDIES = {
    NO_TABLE: "the database lacks a table: run `duijie migrate` first",
    NO_COLUMN: "the database lacks a column: run `duijie migrate` first",
    NOT_ALLOWED: "the database does not allow this to the user of the address",
    READ_ONLY: "the database takes no changes: the address leads to a standby",
}
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """A parser of command lines that refuses a wrong one in one line."""

    def __init__(self, prog: str | None = None, **options: Any) -> None:
        run = getattr(sys.modules["__main__"], "__spec__", None)
        super().__init__(prog or (f"python -m {run.name.removesuffix('.__main__')}" if run else None), **options)

    def error(self, message: str) -> NoReturn:
        """Exit with 2, saying what is wrong."""
        self.exit(2, f"{self.prog}: {message}; --help says more\n")


def one_line_failures(main: Callable[P, None]) -> Callable[P, None]:
    """Let `main` end with one line and code 1 when settings, database, broker or a file are missing or wrong."""

    @wraps(main)
    def guarded(*arguments: P.args, **named: P.kwargs) -> None:
        try:
            main(*arguments, **named)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader of the output has ended, as `head` does. Python would complain once more when it flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:
            if (line := describe(error)) is None:
                raise
            sys.exit(line)

    return guarded


def describe(error: BaseException) -> str | None:
    """Say in one line what an operator has to mend; None for an error of another kind, such as a bug.

    The line quotes no row, no body and no password.
    """
    return next((words(error) for kinds, words in _kinds() if isinstance(error, kinds)), None)


def _kinds() -> Iterator[tuple[Any, Callable[[Any], str]]]:
    """Yield classes of errors, each with the function that describes them. A library that is not imported has raised nothing."""
    yield SettingsError, str
    yield (DBAPIError, psycopg.Error), _describe_database
    yield PoolTimeout, lambda _: "no connection to the database became free in time: raise POOL_SIZE, or run fewer at once"
    if amqp := sys.modules.get("amqp"):
        yield (amqp.ConnectionError, amqp.ChannelError), _describe_broker
    if fernet := sys.modules.get("cryptography.fernet"):
        unread = "SEAL_KEYS lacks a key: none of them decrypts a value of the database, or somebody moved it from another row"
        yield fernet.InvalidToken, lambda _: unread
    if keys := sys.modules.get("chassis.data.personal_keys"):
        yield keys.KeyMissing, lambda error: f"{error}: restore that database, or put back the key of KEY_ENCRYPTION_KEYS"
    yield OSError, _describe_system


def _describe_database(error: DBAPIError | psycopg.Error) -> str:
    origin = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(origin, "sqlstate", None)
    if state is None and isinstance(origin, psycopg.OperationalError | psycopg.InterfaceError):
        return f"the database cannot be used ({_first_line(origin)}): start it, or correct <SERVICE>_DATABASE_URL"
    return REMEDIES.get(state or "", f"the database failed with {type(origin).__name__} {state or ''}".rstrip() + ": see its log")


def _describe_broker(error: BaseException) -> str:
    code = getattr(error, "reply_code", None)
    if code == 403:
        return f"the broker refuses the user, the password or a right of the user ({_first_line(error)}): correct BROKER_URL"
    if code in {530, 404}:
        return f"the broker lacks a virtual host or a queue ({_first_line(error)}): correct BROKER_URL, or run `duijie topology` first"
    return f"the broker failed ({type(error).__name__}): start it, or see its log"


def _describe_system(error: OSError) -> str:
    reason = error.strerror or _first_line(error) or type(error).__name__
    if error.filename is not None:
        return f"{error.filename} cannot be used: {reason}"
    return f"the broker cannot be reached ({reason}): start it, or correct BROKER_URL"


def _first_line(error: BaseException | None) -> str:
    return str(error).partition("\n")[0].strip().removeprefix("connection failed: ")
