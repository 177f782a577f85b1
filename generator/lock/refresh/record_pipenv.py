"""Record what pipenv itself locks, for the byte comparisons in pipfile_test.go.

Run by `make refresh-packages` after refresh.py; it takes ten minutes. pipenv locks for the machine that it runs on, and
the test knows that this was CPython 3.13 on Linux. Two packages have to be built for their metadata, mysqlclient and
uwsgi, so MySQL's headers and a C compiler must be there.

A recording has the two lists of requirements, the SHA-256 of pipenv's whole output, and a line for each entry of the
lock: what the table already says, the hashes of the files, it leaves out. The random stacks follow from a fixed seed,
so that only the table changes them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from frozen import frozen_index, table_versions
from record_uv import COMMON, SAMPLES
from refresh import HERE, RefreshError, normal, read_list, replace, run

SEED = 21
RANDOM_STACKS = 44
LARGEST = 60
PORT = 8766  # not the one of the other recorder, so that both can run at once
SECTIONS = {"packages": "default", "dev-packages": "develop"}
SOURCE = '[[source]]\nurl = "{index}"\nverify_ssl = true\nname = "packages"\n'

SETTINGS = {
    "PIPENV_IGNORE_VIRTUALENVS": "1",
    "PIPENV_NOSPIN": "1",
    "PIPENV_PYTHON": sys.executable,
    "PIPENV_VENV_IN_PROJECT": "1",
    "PIPENV_YES": "1",
}

Stack = dict[str, list[str]]
"""The requirements of each section of a Pipfile."""


def main() -> int:
    """Write testdata/pipenv, or say on stderr why not."""
    parser = argparse.ArgumentParser(description="Record pipenv's own locks for the tests.")
    parser.add_argument("--pipenv", default=os.environ.get("PIPENV", "pipenv"), help="the pipenv to run")
    pipenv = parser.parse_args().pipenv
    try:
        check_machine()
        with frozen_index(PORT) as index, tempfile.TemporaryDirectory() as place:
            for name, stack in {**sample_stacks(), **random_stacks(read_list(HERE / "testdata" / "pool.txt"))}.items():
                record(name, stack, lock(pipenv, index, stack, Path(place)))
    except RefreshError as problem:
        print(f"record_pipenv: {problem}", file=sys.stderr)
        return 1
    return 0


def check_machine() -> None:
    """Fail where pipenv would lock other packages."""
    if sys.version_info[:2] != (3, 13) or sys.platform != "linux" or sys.implementation.name != "cpython":
        raise RefreshError("record pipenv's locks with CPython 3.13 on Linux: pipfile_test.go knows no other machine")


def sample_stacks() -> dict[str, Stack]:
    """Split the samples as a repository does: the tools are for development."""
    return {
        name: {
            "packages": [requirement for requirement in requirements if requirement not in COMMON],
            "dev-packages": [requirement for requirement in requirements if requirement in COMMON],
        }
        for name, requirements in SAMPLES.items()
    }


def random_stacks(union: list[str]) -> dict[str, Stack]:
    """Choose stacks of all sizes and split each anywhere, so that a section can also be empty."""
    chance = random.Random(SEED)  # noqa: S311 - it only has to be repeatable
    stacks = {}
    for number in range(RANDOM_STACKS):
        chosen = chance.sample(union, 1 + number * (LARGEST - 1) // (RANDOM_STACKS - 1))
        at = chance.randint(0, len(chosen))
        stacks[f"random-{number + 1:02}"] = {"packages": sorted(chosen[:at]), "dev-packages": sorted(chosen[at:])}
    return stacks


def lock(pipenv: str, index: str, stack: Stack, folder: Path) -> str:
    """Return the Pipfile.lock that pipenv writes. All stacks share the folder, and with it one virtual environment.

    The cache is there too: pipenv's own might know the index from another table.
    """
    (folder / "Pipfile.lock").unlink(missing_ok=True)
    (folder / "Pipfile").write_text(pipfile(index, stack), encoding="utf-8")
    os.environ.update(SETTINGS, PIPENV_CACHE_DIR=str(folder / "cache"))
    run([pipenv, "lock"], folder)
    return (folder / "Pipfile.lock").read_text(encoding="utf-8")


def pipfile(index: str, stack: Stack) -> str:
    """Return a Pipfile with the table's versions as lower bounds."""
    text = SOURCE.format(index=index)
    for section, requirements in stack.items():
        text += f"\n[{section}]\n"
        for name, extras in merged(requirements).items():
            bound = f'">={table_versions()[name]}"'
            value = f"{{extras = {json.dumps(extras)}, version = {bound}}}" if extras else bound
            text += f"{name} = {value}\n"
    return text


def merged(requirements: list[str]) -> dict[str, list[str]]:
    """Return the sorted extras of each package: a table of TOML cannot have a key twice."""
    extras: dict[str, set[str]] = {}
    for requirement in requirements:
        name, _, listed = requirement.removesuffix("]").partition("[")
        extras.setdefault(normal(name), set()).update(normal(extra) for extra in listed.split(",") if extra)
    return {name: sorted(extras[name]) for name in sorted(extras)}


def record(name: str, stack: Stack, text: str) -> None:
    """Write one stack's recording."""
    lines = [f"{section} {' '.join(requirements)}".rstrip() for section, requirements in stack.items()]
    lines += [f"sha256 {hashlib.sha256(text.encode()).hexdigest()}", ""]
    content = json.loads(text)
    for section in SECTIONS.values():
        lines += [f"{section} {entry_line(key, entry)}" for key, entry in content[section].items()]
    replace(HERE / "testdata" / "pipenv" / f"{name}.txt", "\n".join(lines) + "\n")


def entry_line(key: str, entry: dict[str, Any]) -> str:
    """Return an entry without its hashes: `name[extra] ==version @index ; marker`."""
    known = {"extras", "hashes", "index", "markers", "version"}
    if not entry.keys() <= known:
        raise RefreshError(f"pipenv's entry {key} has {sorted(entry.keys() - known)}")
    extras = f"[{','.join(entry['extras'])}]" if "extras" in entry else ""
    index = f" @{entry['index']}" if "index" in entry else ""
    marker = f" ; {entry['markers']}" if "markers" in entry else ""
    return f"{key}{extras} {entry['version']}{index}{marker}"


if __name__ == "__main__":
    sys.exit(main())
