"""Resolve generator/lock/union.in once and write generator/lock/packages.txt.

Run by `make refresh-packages`; generator/lock/table.go describes the format. The tools are ordinary clients, found on
the PATH or named by an option: uv resolves and reports refused releases, poetry supplies every file of a release and
the metadata in its own spelling, because poetry.lock repeats it. No address of an index is read or written here: both
tools use the one that the machine configures. Where poetry needs another than its default, its mirror plugin's
environment variable says so.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent.parent
SUPPORTED = ">=3.12,<3.15"  # bounded above: poetry refuses an open range, because some packages declare <3.15
COOL_DOWN = datetime.timedelta(days=7)  # time for a malicious release to be found and withdrawn
LIMIT = 1 << 20

HEADER = """\
# Made from union.in by `make refresh-packages`; not to be edited. table.go describes the format.
format 1
python {supported}
before {before}
"""


class RefreshError(Exception):
    """A problem that the maintainer must solve; its text says how."""


@dataclass(frozen=True)
class Tools:
    """The programs that are run, and the moment after which releases do not count."""

    uv: str
    poetry: str
    before: str

    def run_uv(self, *arguments: str, cwd: Path) -> str:
        """Run uv with this interpreter, so that it never looks for another, and return its output."""
        common = ("--python", sys.executable, "--no-python-downloads", "--exclude-newer", self.before)
        return run([self.uv, *arguments, *common], cwd)


def main() -> int:
    """Write the table, or say on stderr why not."""
    arguments = parse_arguments()
    tools = Tools(arguments.uv, arguments.poetry, arguments.exclude_newer)
    try:
        with tempfile.TemporaryDirectory() as folder:
            table = build(tools, Path(folder))
    except RefreshError as problem:
        print(f"refresh: {problem}", file=sys.stderr)
        return 1
    replace(HERE / "packages.txt", table)
    print(f"{table.count('\npackage ')} packages, {table.count('\nfile ')} files, {len(table.encode())} bytes")
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line; both programs may also come from the environment."""
    day = datetime.datetime.now(datetime.UTC).date() - COOL_DOWN
    parser = argparse.ArgumentParser(description="Resolve union.in and write packages.txt.")
    parser.add_argument("--uv", default=os.environ.get("UV", "uv"), help="the uv to run")
    parser.add_argument("--poetry", default=os.environ.get("POETRY", "poetry"), help="the poetry to run")
    parser.add_argument("--exclude-newer", default=f"{day}T00:00:00Z", metavar="DATE", help="ignore later releases")
    return parser.parse_args()


def build(tools: Tools, folder: Path) -> str:
    """Resolve twice, with uv and with poetry held to uv's versions, and join both results into the table."""
    requirements = read_list(HERE / "union.in")
    resolved = resolve(tools, requirements, folder / "uv")
    check_holdbacks(held_back(tools, folder / "uv"))
    declared = describe(tools, [*requirements, *pins(resolved)], folder / "poetry")
    if declared.keys() != resolved.keys():
        raise RefreshError(f"uv and poetry disagree on {sorted(declared.keys() ^ resolved.keys())}")
    locked = locked_extras(requirements, resolved.values())
    named = hosts(resolved.values())
    for package in declared.values():
        # No repository locks such a package but to run it by itself, where the summary is not asked for
        if any(host in package["description"] for host in named):
            package["description"] = ""
    blocks = [block(resolved[name], declared[name], sorted(locked.get(name, ()))) for name in sorted(resolved)]
    text = HEADER.format(supported=SUPPORTED, before=tools.before) + "\n" + "\n".join(blocks) + "\n"
    text += f"checksum {hashlib.sha256(text.encode()).hexdigest()}\n"
    check_table(text, named)
    return text


def check_table(text: str, named: set[str]) -> None:
    """Fail if the table is too large to embed, or if anything in it, a summary perhaps, names an index's host."""
    if (size := len(text.encode())) > LIMIT:
        raise RefreshError(f"the table has {size} bytes, more than {LIMIT}: drop requirements")
    for host in sorted(named):
        if place := re.search(rf"^.*{re.escape(host)}.*$", text, re.MULTILINE | re.IGNORECASE):
            raise RefreshError(f"the table would name the index's host: {place[0]}")


def hosts(packages: Iterable[dict[str, Any]]) -> set[str]:
    """Return the hosts that uv resolved from and would download from."""
    found: set[str | None] = set()
    for package in packages:
        found.add(urlsplit(package["source"].get("registry", "")).hostname)
        found.update(urlsplit(wheel["url"]).hostname for wheel in package.get("wheels", ()))
    return {host for host in found if host}


def resolve(tools: Tools, requirements: list[str], folder: Path) -> dict[str, dict[str, Any]]:
    """Return uv's packages by name. One version each: a table with forks could not be filtered by reachability."""
    # Without the upper bound: `uv pip compile`, which renews requirements, knows none
    write_project(folder, requirements, SUPPORTED.partition(",")[0])
    tools.run_uv("lock", "--quiet", "--upgrade", cwd=folder)
    packages: dict[str, dict[str, Any]] = {}
    for package in read_packages(folder / "uv.lock"):
        if package["name"] == "universe":
            continue
        if package["name"] in packages:
            raise RefreshError(f"{package['name']} was resolved to two versions: constrain it in union.in")
        packages[package["name"]] = package
    return packages


def held_back(tools: Tools, folder: Path) -> dict[str, str]:
    """Return the packages for which uv knows a newer release than the one it resolved, with both versions."""
    tree = tools.run_uv("tree", "--locked", "--outdated", "--universal", "--no-dedupe", cwd=folder)
    found = re.findall(r"([a-z0-9][a-z0-9._-]*)(?:\[[^]]*])? v(\S+) .*\(latest: v([^)]+)\)", tree)
    return {name: f"{current}, newest {latest}" for name, current, latest in found}


def check_holdbacks(found: dict[str, str]) -> None:
    """Fail unless holdbacks.txt explains exactly the packages that are held back."""
    listed = {}
    for line in read_list(HERE / "holdbacks.txt"):
        name, _, reason = line.partition(":")
        if not reason.strip():
            raise RefreshError(f"holdbacks.txt: {name} has no reason")
        listed[name] = reason
    silent = [f"{name} ({versions})" for name, versions in sorted(found.items()) if name not in listed]
    if silent:
        raise RefreshError(f"held back without a reason in holdbacks.txt: {', '.join(silent)}")
    idle = sorted(listed.keys() - found.keys())
    if idle:
        raise RefreshError(f"holdbacks.txt: no longer held back, remove: {', '.join(idle)}")


def pins(packages: dict[str, dict[str, Any]]) -> list[str]:
    """Return requirements that hold poetry to uv's versions.

    What only some Python versions need keeps that marker: the release may not even support the others.
    """
    markers: dict[str, set[str]] = {}
    for package in packages.values():
        for _, edge in edges(package):
            markers.setdefault(edge["name"], set()).add(edge.get("marker", ""))
    lines = []
    for name, package in packages.items():
        own = markers.get(name, {""})
        only = all(marker.startswith("python_full_version") for marker in own)
        lines.append(f"{name}=={package['version']}" + (f" ; {' or '.join(sorted(own))}" if only else ""))
    return lines


def describe(tools: Tools, requirements: list[str], folder: Path) -> dict[str, dict[str, Any]]:
    """Return poetry's packages by name."""
    write_project(folder, requirements)
    run([tools.poetry, "lock", "--no-interaction", "--no-ansi"], folder)
    return {package["name"]: package for package in read_packages(folder / "poetry.lock")}


def locked_extras(requirements: Iterable[str], packages: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """Return which extras of which packages are resolved; an extra without dependencies of its own counts too."""
    extras: dict[str, set[str]] = {}
    for requirement in requirements:
        if match := re.fullmatch(r"([^[]+)\[([^]]*)].*", requirement):
            extras.setdefault(normal(match[1]), set()).update(normal(extra) for extra in match[2].split(","))
    for package in packages:
        for _, edge in edges(package):
            extras.setdefault(edge["name"], set()).update(edge.get("extra", ()))
    return extras


def edges(package: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield uv's resolved dependencies, each with the extra that brings it ("" for none)."""
    for edge in package.get("dependencies", ()):
        yield "", edge
    for extra, group in sorted(package.get("optional-dependencies", {}).items()):
        for edge in group:
            yield extra, edge


def block(resolved: dict[str, Any], declared: dict[str, Any], extras: list[str]) -> str:
    """Return one package's lines of the table."""
    if resolved["version"] != declared["version"]:
        raise RefreshError(f"poetry did not take {resolved['name']} {resolved['version']}")
    lines = [
        f"package {resolved['name']} {resolved['version']}",
        f"summary {declared['description']}".rstrip(),
        f"python {declared['python-versions']}",
    ]
    lines += [f"extra {extra}" for extra in extras]
    lines += [needs(extra, edge) for extra, edge in edges(resolved)]
    for name, value in declared.get("dependencies", {}).items():
        lines += [declares(name, one) for one in (value if isinstance(value, list) else [value])]
    for extra, members in declared.get("extras", {}).items():
        lines += [f"offers {extra} {member}" for member in members] or [f"offers {extra}"]
    lines += [file_line(entry) for entry in sorted(declared["files"], key=lambda entry: entry["file"])]
    for line in lines:
        if "\n" in line or "\r" in line:
            raise RefreshError(f"{resolved['name']}: line break in {line!r}")
    return "\n".join(lines) + "\n"


def needs(extra: str, edge: dict[str, Any]) -> str:
    """Return a dependency as uv resolved it."""
    marker = f" ; {edge['marker']}" if "marker" in edge else ""
    return f"needs{bracket([extra] if extra else [])} {edge['name']}{bracket(edge.get('extra', []))}{marker}"


def declares(name: str, value: str | dict[str, Any]) -> str:
    """Return a dependency as poetry.lock spells it. What is optional follows from the marker, so it is not repeated."""
    entry: dict[str, Any] = {"version": value} if isinstance(value, str) else dict(value)
    extras, marker = entry.pop("extras", []), entry.pop("markers", "")
    version = entry.pop("version")
    if entry.pop("optional", False) != ("extra ==" in marker) or entry:
        raise RefreshError(f"poetry's dependency on {name} has a form that the table cannot hold: {value}")
    return f"declares {name}{bracket(extras)} {version}" + (f" ; {marker}" if marker else "")


def file_line(entry: dict[str, str]) -> str:
    """Return one file of a release."""
    algorithm, _, digest = entry["hash"].partition(":")
    if algorithm != "sha256":
        raise RefreshError(f"{entry['file']} has no sha256")
    return f"file {digest} {entry['file']}"


def bracket(extras: list[str]) -> str:
    """Return extras as a requirement spells them."""
    return f"[{','.join(sorted(extras))}]" if extras else ""


def normal(name: str) -> str:
    """Return the normalised form of a package's or an extra's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def read_list(path: Path) -> list[str]:
    """Return a file's lines without comments and blank lines."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def read_packages(path: Path) -> list[dict[str, Any]]:
    """Return the packages of a uv.lock or a poetry.lock."""
    packages: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["package"]
    return packages


def write_project(folder: Path, requirements: list[str], python: str = SUPPORTED) -> None:
    """Make the project that is resolved. It has no name that a requirement could have."""
    folder.mkdir()
    dependencies = "".join(f'  "{requirement}",\n' for requirement in requirements)
    text = f'[project]\nname = "universe"\nversion = "0"\nrequires-python = "{python}"\n'
    text += f"dependencies = [\n{dependencies}]\n\n[tool.poetry]\npackage-mode = false\n"
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def run(command: list[str], cwd: Path) -> str:
    """Run a program and return its output."""
    try:
        done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    except FileNotFoundError as missing:
        raise RefreshError(f"{command[0]} is not installed") from missing
    if done.returncode:
        raise RefreshError(f"{' '.join(command[:2])} failed:\n{done.stderr}{done.stdout}")
    return done.stdout


def replace(path: Path, text: str) -> None:
    """Write a file so that a failure leaves the old one."""
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
