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
        # A server that has vanished is noticed in a minute, not in hours
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        # A stuck query fails before a proxy gives up on its request
        "options": "-c statement_timeout=15s",
    },
    # A connection that the server has dropped is replaced before it is used
    "pool_pre_ping": True,
    # Per worker process; connections.py adds them up
    "pool_size": 5,
    "max_overflow": 5,
    "pool_timeout": 5,
}


def engine_url(database_url: str) -> URL:
    """Return the URL with the driver that SQLAlchemy is to use."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


def prepare(engine: Engine) -> None:
    """PostgreSQL keeps nothing that each connection would have to set."""
