"""Record what poetry itself locks, for the byte comparisons in poetry_test.go.

Run by `make refresh-packages` after refresh.py. Poetry resolves each stack afresh from the frozen index, so that it
takes the table's releases. A recording keeps the lines that may differ with the requirements, to be read in a diff, and
the SHA-256 of the whole poetry.lock, which covers what the table says as well. The random stacks follow from a seed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from frozen import frozen_index, table_text, table_versions
from record_uv import COMMON, SAMPLES
from refresh import HERE, SUPPORTED, RefreshError, normal, read_list, replace, run

SEED = 21
SIZES = [*range(1, 16), *range(16, 46, 2), *range(46, 61)]
PORT = 8769  # always the same, because a lock with a source repeats the address
MIRROR = "POETRY_PYPI_MIRROR_URL"
DEVELOPMENT = {*COMMON, "pytest-django", "pytest-asyncio", "httpx", "django-stubs[compatible-mypy]"}
CHECKS = ["bandit", "mypy", "pip-audit", "pytest", "ruff"]


@dataclass(frozen=True)
class Stack:
    """The bare requirements of one project, and the index that its manifest names, if it names one."""

    name: str
    runtime: list[str]
    development: list[str]
    index: str = ""


def main() -> int:
    """Write testdata/poetry, or say on stderr why not."""
    parser = argparse.ArgumentParser(description="Record poetry's own locks for the tests.")
    parser.add_argument("--poetry", default=os.environ.get("POETRY", "poetry"), help="the poetry to run")
    poetry = parser.parse_args().poetry
    try:
        with frozen_index(PORT) as url, tempfile.TemporaryDirectory() as cache:
            os.environ |= {MIRROR: url, "POETRY_CACHE_DIR": cache, "POETRY_VIRTUALENVS_CREATE": "false"}
            for stack in [*samples(), *special_stacks(), *random_stacks(read_list(HERE / "testdata" / "pool.txt")), *sourced(url)]:
                record(poetry, stack)
    except RefreshError as problem:
        print(f"record_poetry: {problem}", file=sys.stderr)
        return 1
    return 0


def samples() -> list[Stack]:
    """Return the samples of record.py, each divided as a repository divides it."""
    return [
        Stack(
            name,
            [requirement for requirement in requirements if requirement not in DEVELOPMENT],
            [requirement for requirement in requirements if requirement in DEVELOPMENT],
        )
        for name, requirements in SAMPLES.items()
    ]


def special_stacks() -> list[Stack]:
    """Return the empty cases, and packages for which poetry resolves several times, each time for some Pythons."""
    return [
        Stack("empty", [], []),
        Stack("runtime-only", samples()[0].runtime, []),
        Stack("development-only", [], COMMON),
        Stack("datadog", ["fastapi", "uvicorn[standard]", "psycopg", "ddtrace"], CHECKS),
        Stack("datadog-google", ["ddtrace", "flask", "pydantic-settings[gcp-secret-manager]"], CHECKS),
        Stack("google", ["fastapi[standard]", "pydantic-settings[gcp-secret-manager]"], CHECKS),
        Stack("google-argon2", ["django[argon2]", "google-cloud-secret-manager"], CHECKS),
    ]


def random_stacks(union: list[str]) -> list[Stack]:
    """Choose stacks of very different sizes, and divide each at random."""
    chance = random.Random(SEED)  # noqa: S311 - it only has to be repeatable
    stacks = []
    for number, size in enumerate(SIZES, 1):
        chosen = chance.sample(union, size)
        cut = chance.randint(0, size)
        stacks.append(Stack(f"random-{number:02}", sorted(chosen[:cut]), sorted(chosen[cut:])))
    return stacks


def sourced(url: str) -> list[Stack]:
    """Return samples whose manifest names the index itself."""
    _, django, fastapi = samples()
    return [
        Stack("source-fastapi", fastapi.runtime, fastapi.development, url),
        Stack("source-django", django.runtime, django.development, f"{url}/"),
    ]


def record(poetry: str, stack: Stack) -> None:
    """Lock one stack and write its recording."""
    text = without_withheld(lock(poetry, manifest(stack)))
    head = [
        " ".join(["runtime", *stack.runtime]),
        " ".join(["development", *stack.development]),
        *([f"index {stack.index}"] if stack.index else []),
        f"sha256 {hashlib.sha256(text.encode()).hexdigest()}",
        "",
    ]
    replace(HERE / "testdata" / "poetry" / f"{stack.name}.txt", "\n".join([*head, *decided(text)]) + "\n")


def without_withheld(text: str) -> str:
    """Empty the descriptions that the table withholds because they name the index's host."""
    for name in re.findall(r"^package (\S+) .*\nsummary *$", table_text(), re.MULTILINE):
        text = re.sub(rf'^(name = "{name}"\n.*\ndescription = ).*$', r'\1""', text, flags=re.MULTILINE)
    return text


def decided(text: str) -> list[str]:
    """Return the lines of a poetry.lock that may differ with the stack: those which say who needs a package, and where.

    Dependencies without a condition are left out, because the package always has them.
    """
    own = r"(?:name|groups|markers|content-hash) = .*"
    dependency = r"(?!files)\S+ = (?:\[|\{version.*)|    (?:\{version|\").*"
    return re.findall(rf"^(?:{own}|{dependency})$", text, re.MULTILINE)


def lock(poetry: str, pyproject: str) -> str:
    """Return the poetry.lock that poetry writes for a manifest."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "pyproject.toml").write_text(pyproject, encoding="utf-8")
        run([poetry, "lock", "--no-interaction", "--no-ansi"], folder)
        return (folder / "poetry.lock").read_text(encoding="utf-8")


def manifest(stack: Stack) -> str:
    """Return the pyproject.toml of a repository with these requirements."""
    lines = [
        "[project]",
        'name = "recorded"',
        'version = "0.1.0"',
        f'requires-python = "{SUPPORTED}"',
        f"dependencies = [{', '.join(map(bounded, stack.runtime))}]",
        "[dependency-groups]",
        f"dev = [{', '.join(map(bounded, stack.development))}]",
        "[tool.poetry]",
        "package-mode = false",
    ]
    if stack.index:
        lines += ["[[tool.poetry.source]]", 'name = "packages"', f'url = "{stack.index}"', 'priority = "primary"']
    return "\n".join(lines) + "\n"


def bounded(requirement: str) -> str:
    """Return a requirement with the table's version as its lower bound, quoted."""
    return f'"{requirement}>={table_versions()[normal(requirement.partition("[")[0])]}"'


if __name__ == "__main__":
    sys.exit(main())
