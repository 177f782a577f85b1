"""An empty database for one test run."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import make_url


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """Create an empty database beside the one of `url`, yield its URL, and drop it.

    The role needs CREATEDB. Tests never touch the developer's data.
    """
    server = make_url(url).set(drivername="postgresql")
    name = f"{server.database}_test_{secrets.token_hex(4)}"
    identifier = sql.Identifier(name)
    # Not the database of `url`: it need not exist
    with psycopg.connect(
        server.set(database="postgres").render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
        try:
            yield server.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
