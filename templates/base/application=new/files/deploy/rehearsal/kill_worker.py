"""Kill a worker process of the application server, and wait until another one has taken its place.

Runs inside the application's container, where process 1 is the server.
"""

import os
import random
import signal
import time
from pathlib import Path

WAIT = 60  # seconds


def workers() -> set[int]:
    """Return the server's descendants that have no children of their own."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if fields[0] != "Z":
            parents[int(path.parent.name)] = int(fields[1])

    def serves(process: int) -> bool:
        while process > 1:
            process = parents.get(process, 0)
        return process == 1

    childless = parents.keys() - {1} - set(parents.values())
    return {process for process in childless if serves(process)}


before = workers()
victim = random.choice(sorted(before))  # noqa: S311  # nosec B311
start = time.monotonic()
os.kill(victim, signal.SIGKILL)
while victim in (now := workers()) or len(now) < len(before):
    if time.monotonic() > start + WAIT:
        raise SystemExit(f"{len(now)} of {len(before)} workers after {WAIT} seconds")
    time.sleep(0.1)
print(f"{len(before)} workers again after {time.monotonic() - start:.1f} s")
