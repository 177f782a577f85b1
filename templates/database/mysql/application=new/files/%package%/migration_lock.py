"""One migration at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOCK_SECONDS = 60


@contextmanager
def migration_lock(execute: Callable[[str], object]) -> Iterator[None]:
    """Let one process at a time migrate this database: a named lock of the server.

    `execute` runs one statement on the migrating connection and returns the first column of the
    first row. The server takes the lock back when the connection closes.
    """
    # Named locks count for the whole server and their names are short: the database's name, hashed
    name = "SHA2(CONCAT('migrate ', DATABASE()), 224)"
    if execute(f"SELECT GET_LOCK({name}, {LOCK_SECONDS})") != 1:
        raise TimeoutError("another migration is running")
    # What waits for a table makes every query behind it wait as well: give up soon
    execute(
        "SET SESSION lock_wait_timeout = 5"
        " /*!80000 , max_execution_time = 0 */ /*M!100101 , max_statement_time = 0 */"
    )
    yield
    execute(f"SELECT RELEASE_LOCK({name})")
