"""An empty database for one test run."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg import sql
from sqlalchemy import make_url


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """Create an empty database beside the one of `url`, yield its URL, and drop it.

    The role needs CREATEDB. Tests never touch the developer's data.
    """
    parts = urlsplit(url)
    name = f"{unquote(parts.path[1:])}_test_{secrets.token_hex(4)}"
    identifier = sql.Identifier(name)
    # Not the database of `url`: it need not exist
    server = parts._replace(path="/postgres").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
        try:
            yield parts._replace(path=f"/{quote(name)}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def unreachable(url: str) -> str:
    """Return the URL of a server that does not answer."""
    return make_url(url).set(port=1).render_as_string(hide_password=False)
