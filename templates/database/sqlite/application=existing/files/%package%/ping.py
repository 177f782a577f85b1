"""Whether the database answers."""

import sqlite3
from contextlib import closing
from urllib.parse import unquote, urlsplit

ERRORS = (sqlite3.Error,)


def database(url: str) -> None:
    """Ask once, by a connection of its own, which makes no file."""
    path = unquote(urlsplit(url).path[1:])
    with closing(sqlite3.connect(f"file:{path}?mode=ro", timeout=4, uri=True)) as connection:
        connection.execute("SELECT name FROM sqlite_master LIMIT 1")
