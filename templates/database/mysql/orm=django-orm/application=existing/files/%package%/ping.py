"""Whether the database answers."""

from contextlib import closing
from urllib.parse import unquote, urlsplit

import MySQLdb

ERRORS = (MySQLdb.Error,)


def database(url: str) -> None:
    """Ask once, by a connection of its own: one that is kept says nothing of new ones."""
    parts = urlsplit(url)
    connection = MySQLdb.connect(
        host=parts.hostname or "",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path[1:]),
        connect_timeout=4,
    )
    with closing(connection):
        connection.ping()
