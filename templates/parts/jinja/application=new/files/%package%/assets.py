"""Addresses of static files that change with their content: browsers may keep what they got."""

import hashlib
from functools import cache
from pathlib import Path

STATIC = Path(__file__).with_name("static")


def asset_url(name: str) -> str:
    path = STATIC / name
    return f"/static/{name}?v={_digest(path, path.stat().st_mtime_ns)}"


@cache
def _digest(path: Path, changed: int) -> str:
    """Read the file anew when it has changed: nothing restarts the development server then."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
