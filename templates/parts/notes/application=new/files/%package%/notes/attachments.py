"""The files that are attached to notes: a folder of them, each under a random name."""

import re
import shutil
import uuid
from pathlib import Path
from typing import IO

_SEPARATORS = re.compile(r"[/\\]")


class Attachments:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, content: IO[bytes]) -> str:
        """Store a file and return its name here; leave nothing behind when that fails."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        try:
            with self.path(name).open("xb") as file:
                shutil.copyfileobj(content, file)
        except OSError:
            self.delete(name)
            raise
        return name

    def path(self, name: str) -> Path:
        return self._folder / name

    def delete(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)


def display_name(given: str | None) -> str:
    """Return the name of an upload without folders and characters that only do harm."""
    name = _SEPARATORS.split(given or "")[-1]
    name = "".join(character for character in name if character.isprintable())
    return name.strip(". ")[-255:] or "attachment"
