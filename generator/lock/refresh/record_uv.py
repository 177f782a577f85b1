"""Record what uv itself locks, for the byte comparisons in requirements_test.go and marker_test.go, in testdata/uv.

Run by `make refresh-packages` after refresh.py. A recording keeps uv's lines without the hashes, to be read in a diff,
and the SHA-256 of uv's whole output. The random stacks follow from a fixed seed, so that only the table changes them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import sys
import tempfile
from pathlib import Path

from refresh import HERE, RefreshError, read_list, replace, run, write_project

SEED = 20
RANDOM_STACKS = 40
COMMON = ["pytest", "pytest-cov", "ruff", "mypy", "bandit", "pip-audit", "pre-commit"]
SAMPLES = {
    "flask-postgresql": [
        *("flask", "gunicorn", "sqlalchemy", "flask-sqlalchemy", "flask-migrate", "psycopg[binary]", "structlog"),
        *("pydantic-settings", "prometheus-client", "sentry-sdk[flask]", "flask-cors", "flask-talisman"),
        *("flask-limiter", "flask-wtf", *COMMON),
    ],
    "django-mysql": [
        *("django", "gunicorn", "mysqlclient", "django-environ", "whitenoise", "python-json-logger"),
        *("prometheus-client", "django-cors-headers", "sentry-sdk[django]", "hvac", "pytest-django"),
        *("django-stubs[compatible-mypy]", *COMMON),
    ],
    "fastapi-sqlite": [
        *("fastapi", "uvicorn[standard]", "sqlalchemy[asyncio]", "aiosqlite", "alembic", "pydantic-settings"),
        *("structlog", "prometheus-client", "sentry-sdk[fastapi]", "boto3", "pytest-asyncio", "httpx", *COMMON),
    ],
}

RANDOM_MARKERS = 80


def main() -> int:
    """Write testdata, or say on stderr why not."""
    parser = argparse.ArgumentParser(description="Record uv's own locks for the tests.")
    parser.add_argument("--uv", default=os.environ.get("UV", "uv"), help="the uv to run")
    uv = parser.parse_args().uv
    union = read_list(HERE / "testdata" / "pool.txt")
    try:
        for name, requirements in {**SAMPLES, **random_stacks(union)}.items():
            record(uv, name, requirements)
        record_markers(uv)
    except RefreshError as problem:
        print(f"record: {problem}", file=sys.stderr)
        return 1
    return 0


def random_stacks(union: list[str]) -> dict[str, list[str]]:
    """Choose stacks of very different sizes."""
    chance = random.Random(SEED)  # noqa: S311 - it only has to be repeatable
    sizes = [1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 35, 40, 45, 60, len(union)]
    return {f"random-{i + 1:02}": sorted(chance.sample(union, sizes[i % len(sizes)])) for i in range(RANDOM_STACKS)}


def record(uv: str, name: str, requirements: list[str]) -> None:
    """Compile one stack and write its recording."""
    text = compile_with_uv(uv, requirements, pins())
    lines = [line.removesuffix(" \\") for line in text.splitlines() if not line.startswith(" ")]
    digest = hashlib.sha256(text.encode()).hexdigest()
    head = f"requirements {' '.join(requirements)}\nsha256 {digest}\n\n"
    replace(HERE / "testdata" / "uv" / f"{name}.txt", head + "\n".join(lines) + "\n")


def record_markers(uv: str) -> None:
    """Write what uv makes of random conditions out of the table's comparisons.

    Each is the condition on one package, with one requirement for each alternative.
    """
    table = (HERE / "packages.txt").read_text(encoding="utf-8")
    conditions = re.findall(r"^needs.* ; (.*)$", table, re.MULTILINE)
    pool = sorted({atom.strip("()") for condition in conditions for atom in re.split(" and | or ", condition)})
    chance = random.Random(SEED)  # noqa: S311 - it only has to be repeatable
    cases = {}
    for line in pins().splitlines()[:RANDOM_MARKERS]:
        alternatives = (chance.sample(pool, chance.choice([1, 1, 2, 3])) for _ in range(chance.choice([1, 2, 2, 3])))
        cases[line] = [" and ".join(atoms) for atoms in alternatives]
    requirements = [f"{line} ; {marker}" for line, markers in cases.items() for marker in markers]
    text = compile_with_uv(uv, requirements, "", "--no-deps")
    merged = dict(line.removesuffix(" \\").partition(" ; ")[::2] for line in text.splitlines() if "==" in line)
    blocks = ["\n".join([*markers, f"= {merged.get(line, 'never')}".rstrip()]) for line, markers in cases.items()]
    replace(HERE / "testdata" / "uv" / "markers.txt", "\n\n".join(blocks) + "\n")


def pins() -> str:
    """Return the table's versions as constraints."""
    table = (HERE / "packages.txt").read_text(encoding="utf-8")
    words = (line.split() for line in table.splitlines() if line.startswith("package "))
    return "".join(f"{name}=={version}\n" for _, name, version in words)


def compile_with_uv(uv: str, requirements: list[str], constraints: str, *options: str) -> str:
    """Return the requirements.txt that uv writes."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_project(folder / "project", requirements)
        (folder / "pins.txt").write_text(constraints, encoding="utf-8")
        form = ("--universal", "--generate-hashes", "--no-annotate", "--no-header", "--quiet")
        python = ("--python", sys.executable, "--python-version", "3.12", "--no-python-downloads")
        return run([uv, "pip", "compile", *form, *python, *options, "-c", "pins.txt", "project/pyproject.toml"], folder)


if __name__ == "__main__":
    sys.exit(main())
