"""What the choice of PostgreSQL means for Django."""

from typing import Any

ENGINE = "django.db.backends.postgresql"
OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    # Shorter than the application server's timeout: a stuck query fails, its worker survives
    "options": "-c statement_timeout=15s",
}
