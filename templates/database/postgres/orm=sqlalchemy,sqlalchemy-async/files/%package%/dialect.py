"""What the choice of PostgreSQL means for SQLAlchemy."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, DateTime, Engine, make_url
from sqlalchemy.types import TypeEngine

TIMESTAMP: TypeEngine[Any] = DateTime(timezone=True)
# What Alembic needs to know besides
MIGRATION_OPTIONS: dict[str, Any] = {}
ENGINE_OPTIONS: dict[str, Any] = {
    "connect_args": {
        "connect_timeout": 5,
        # Shorter than the application server's timeout: a stuck query fails, its worker survives
        "options": "-c statement_timeout=15s",
    },
    # A connection that the server has dropped is replaced before it is used
    "pool_pre_ping": True,
    # Per worker process; all of them together stay below the server's max_connections
    "pool_size": 5,
    "max_overflow": 5,
    "pool_timeout": 5,
}

LOCK_SECONDS = 60
LOCK_KEY = 0x6D696772  # "migr"; advisory locks count per database


def engine_url(database_url: str) -> URL:
    """Return the URL with the driver that SQLAlchemy is to use."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


def prepare(engine: Engine) -> None:
    """PostgreSQL keeps nothing that each connection would have to set."""


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
