"""What the choice of MySQL (or MariaDB) means for Django."""

from typing import Any

ENGINE = "django.db.backends.mysql"
OPTIONS: dict[str, Any] = {
    "charset": "utf8mb4",
    "connect_timeout": 5,
    # A value that does not fit is an error on every server, whatever its own default. A stuck query
    # fails after 15 seconds: the first comment is for MySQL, the other one for MariaDB.
    "init_command": "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')"
    " /*!80000 , max_execution_time = 15000 */ /*M!100101 , max_statement_time = 15 */",
}
