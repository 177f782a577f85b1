"""One migration at a time."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
