"""One migration at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOCK_SECONDS = 60
LOCK_KEY = 0x6D696772  # "migr"; advisory locks count per database


@contextmanager
def migration_lock(execute: Callable[[str], object]) -> Iterator[None]:
    """Let one process at a time migrate this database: a session-level advisory lock.

    `execute` runs one statement on the migrating connection and returns the first column of the
    first row. The server takes the lock back when the connection closes, so a failed migration,
    whose transaction answers nothing but errors, needs no unlocking.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    # Polled, not awaited: a blocked pg_advisory_lock() holds a snapshot, which a migration that
    # creates an index concurrently would wait for.
    while not execute(f"SELECT pg_try_advisory_lock({LOCK_KEY})"):
        if time.monotonic() > deadline:
            raise TimeoutError("another migration is running")
        time.sleep(0.2)
    # What waits for a table makes every query behind it wait as well: give up soon
    execute("SET lock_timeout = '5s'")
    execute("SET statement_timeout = 0")
    yield
    execute(f"SELECT pg_advisory_unlock({LOCK_KEY})")
