"""A package index on loopback that knows the table's releases and no others.

Whatever a tool resolves from it gets the table's versions, so that what it writes can be compared byte for byte. It
asks the machine's own index for each package and passes on the entries of the files that the table lists.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from refresh import HERE, RefreshError, normal

JSON = "application/vnd.pypi.simple.v1+json"
PORT = 8765  # always the same, because Pipfile.lock repeats the address


@contextmanager
def frozen_index(port: int = PORT) -> Iterator[str]:
    """Serve the index and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/simple"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answer GET /simple/NAME/ in the JSON form of PEP 691, which all the tools read."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the releases of one package."""
        name = normal(self.path.removeprefix("/simple/").strip("/"))
        body = releases(name)
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", JSON)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@cache
def releases(name: str) -> bytes:
    """Return the index's answer for a package, reduced to the files in the table; empty for an unknown package."""
    files = table_files().get(name)
    if not files:
        return b""
    request = urllib.request.Request(f"{machine_index()}/{name}/", headers={"Accept": JSON})
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, Any] = json.load(response)
    answer["files"] = [entry for entry in answer["files"] if entry["filename"] in files]
    answer["versions"] = [version for version in answer.get("versions", []) if version == table_versions()[name]]
    return json.dumps(answer).encode()


@cache
def table_files() -> dict[str, set[str]]:
    """Return the names of each package's files."""
    found: dict[str, set[str]] = {}
    for block in table_text().split("\n\n"):
        if match := re.match(r"package (\S+) ", block):
            found[match[1]] = set(re.findall(r"^file \S+ (\S+)$", block, re.MULTILINE))
    return found


@cache
def table_versions() -> dict[str, str]:
    """Return the version of each package."""
    return dict(re.findall(r"^package (\S+) (\S+)$", table_text(), re.MULTILINE))


def table_text() -> str:
    """Return the table as it is now."""
    return (HERE / "packages.txt").read_text(encoding="utf-8")


@cache
def machine_index() -> str:
    """Return the index that this machine's pip would ask, credentials included: it is printed and written nowhere."""
    if url := os.environ.get("PIP_INDEX_URL"):
        return url.rstrip("/")
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], check=False, capture_output=True, text=True
    )
    if url := configured.stdout.strip():
        return url.rstrip("/")
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--help"], check=True, capture_output=True, text=True
    )
    words = re.sub(r"\s+", " ", shown.stdout)
    if match := re.search(r"--index-url <url> .*?\(default (\S+?)\)", words):
        return match[1].rstrip("/")
    raise RefreshError("pip names no index: set PIP_INDEX_URL")
