"""What the choice of PostgreSQL means for SQLAlchemy."""

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


def engine_url(database_url: str) -> URL:
    """Return the URL with the driver that SQLAlchemy is to use."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


def prepare(engine: Engine) -> None:
    """PostgreSQL keeps nothing that each connection would have to set."""
