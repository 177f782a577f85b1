"""What the choice of SQLite means for Django."""

from typing import Any

ENGINE = "django.db.backends.sqlite3"
OPTIONS: dict[str, Any] = {
    # Readers go on while one connection writes. Foreign keys are on by Django's own doing.
    "init_command": "PRAGMA journal_mode=WAL",
    # Take the write lock first: a transaction that reads and then writes fails at once otherwise,
    # however long the timeout, when another one has written in between.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
}
