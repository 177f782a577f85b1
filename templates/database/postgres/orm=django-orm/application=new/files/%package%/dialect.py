"""What the choice of PostgreSQL means for Django."""

from typing import Any

ENGINE = "django.db.backends.postgresql"
OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    # A server that has vanished is noticed in a minute, not in hours
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    # A stuck query fails before a proxy gives up on its request
    "options": "-c statement_timeout=15s",
}
