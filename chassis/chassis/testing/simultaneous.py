"""Acts that meet at a lock: each has read what it goes by, then all of them wait for the same rows."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Executable, text
from sqlalchemy.orm import Session

from chassis.data.database import Database

T = TypeVar("T")
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
PATIENCE_SECONDS = 20


def meet_at_lock(
    database: Database, lock: Executable | Callable[[Session], object], acts: Sequence[Callable[[], T]], **given: Any
) -> list[T]:
    """Carry out `lock`, start the acts in threads, and release the lock once each of them waits for a lock or is done.

    Returns what the acts return. The database must commit, because each act needs a connection of its own.
    """
    with ThreadPoolExecutor(len(acts)) as threads:
        with database.begin() as holder:
            lock(holder) if callable(lock) else holder.execute(lock, given)
            running = [threads.submit(act) for act in acts]
            until = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < until:
                # Counted in this order, no act counts twice.
                done = sum(one.done() for one in running)
                with database.begin() as session:
                    waiting = session.scalar(WAITING) or 0
                if done + waiting >= len(acts):
                    break
                time.sleep(0.005)
        return [one.result() for one in running]
