"""An empty database for one test run."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """Yield the URL of an empty database, which goes when the tests are done.

    A file of its own, wherever `url` points: tests never touch the developer's data.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'test.sqlite3'}"


def unreachable(url: str) -> str:
    """Return a URL that cannot be opened: the path is a folder."""
    return f"sqlite:///{tempfile.gettempdir()}"
