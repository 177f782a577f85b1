from telemetry.db import engine  # noqa: F401
