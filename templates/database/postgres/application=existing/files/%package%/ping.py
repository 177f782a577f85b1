"""Whether the database answers."""

import psycopg

ERRORS = (psycopg.Error,)


def database(url: str) -> None:
    """Ask once, by a connection of its own: a pool that is used up says nothing of the server."""
    with psycopg.connect(url, connect_timeout=4) as connection:
        connection.execute("SELECT 1")
