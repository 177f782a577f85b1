"""What the choice of SQLite means for Django."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ENGINE = "django.db.backends.sqlite3"
OPTIONS: dict[str, Any] = {
    # Readers go on while one connection writes. Foreign keys are on by Django's own doing.
    "init_command": "PRAGMA journal_mode=WAL",
    # Take the write lock first: a transaction that reads and then writes fails at once otherwise,
    # however long the timeout, when another one has written in between.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
}

LOCK_SECONDS = 60


@contextmanager
def migration_lock(execute: Callable[[str], object]) -> Iterator[None]:
    """Let one process at a time migrate: an advisory lock on a file beside the database.

    `execute` runs one statement on the migrating connection and returns the first column of the
    first row. The kernel takes the lock back from a process that dies.
    """
    database = execute("SELECT file FROM pragma_database_list WHERE name = 'main'")
    if not database:  # in memory: nobody else can see it
        yield
        return
    with Path(f"{database}.migrate.lock").open("w") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError("another migration is running") from None
                time.sleep(0.2)
        yield
