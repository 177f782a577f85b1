"""An empty database for one test run."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """Create an empty database beside the one of `url`, yield its URL, and drop it.

    The account needs every right on `<database>_%`. Tests never touch the developer's data.
    """
    parts = urlsplit(url)
    name = f"{unquote(parts.path[1:])}_test_{secrets.token_hex(4)}"
    # No database in the URL: the one that it names need not exist
    engine = create_engine(
        make_url(url).set(drivername="mysql+pymysql", database=""),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )
    quoted = engine.dialect.identifier_preparer.quote_identifier(name)

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.execute(text(statement))

    run(f"CREATE DATABASE {quoted} CHARACTER SET utf8mb4")
    try:
        yield parts._replace(path=f"/{quote(name)}").geturl()
    finally:
        run(f"DROP DATABASE {quoted}")


def unreachable(url: str) -> str:
    """Return the URL of a server that does not answer."""
    return make_url(url).set(port=1).render_as_string(hide_password=False)
