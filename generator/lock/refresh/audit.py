"""Look for known vulnerabilities in generator/lock/packages.txt and write generator/lock/audit.txt.

Run after refresh.py, offline: the advisories come from clones of databases in the OSV format, such as that of the PyPA.
It needs git and the packages `packaging` and `PyYAML`. The report holds for what its databases had at their newest
commits, which it names with their dates; what was published later it cannot know.

    python audit.py pypa/advisory-database=../advisory-database
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version
from refresh import HERE, RefreshError, normal, read_list, replace, run

# Scalars stay text: as a number, version 1.10 would be 1.1
Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

EVENTS = ("fixed", "introduced", "last_affected")  # in the order in which they apply at one version
FIRST = Version("0.dev0")  # what OSV writes as 0: before every version
SUMMARY = 100  # characters

HEADER = """\
# The known vulnerabilities of the packages in packages.txt. Made by refresh/audit.py; not to be edited.
# The rule: an advisory counts if it lists the pinned version or has it in one of its ranges, by the order of PEP 440,
# and also if that cannot be decided. A withdrawn advisory does not count. No database knows what came after its date.
"""

Record = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """What packages.txt pins."""

    before: str
    checksum: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Database:
    """A clone at its newest commit, with its records for PyPI."""

    name: str
    commit: str
    day: datetime.date
    records: list[Record]


@dataclass(frozen=True, order=True)
class Finding:
    """An advisory that counts."""

    package: str
    version: str
    identifier: str
    summary: str
    fixed: str

    def line(self) -> str:
        """Return the finding as the report has it."""
        return f"finding {self.identifier} {self.package} {self.version}, {self.fixed}: {self.summary}"


def main() -> int:
    """Write the report. Fail on a finding that nobody has accepted, and say on stderr why."""
    parser = argparse.ArgumentParser(description="Write audit.txt from databases of advisories in the OSV format.")
    parser.add_argument("databases", nargs="+", metavar="NAME=FOLDER", help="a database's name and its git repository")
    try:
        table = read_table((HERE / "packages.txt").read_text(encoding="utf-8"))
        databases = [read_database(argument) for argument in parser.parse_args().databases]
        advisories = relevant(databases, table)
        found = findings(advisories, table)
        accepted = read_accepted(HERE / "audit-accepted.txt")
        replace(HERE / "audit.txt", report(table, databases, advisories, found, accepted))
        check(found, accepted)
    except RefreshError as problem:
        print(f"audit: {problem}", file=sys.stderr)
        return 1
    print(f"{len(table.versions)} packages, {len(advisories)} advisories, {len(found)} findings")
    return 0


def read_table(text: str) -> Table:
    """Read the packages' versions and what tells one table from another."""
    before = re.search(r"^before (\S+)$", text, re.MULTILINE)
    checksum = re.search(r"^checksum (\S+)$", text, re.MULTILINE)
    versions = dict(re.findall(r"^package (\S+) (\S+)$", text, re.MULTILINE))
    if not before or not checksum or not versions:
        raise RefreshError("packages.txt is no table")
    return Table(before[1], checksum[1], versions)


def read_database(argument: str) -> Database:
    """Read the newest commit of a git repository, bare or not."""
    name, _, folder = argument.partition("=")
    if not name or not folder:
        raise RefreshError(f"{argument} is not NAME=FOLDER")
    commit, seconds = run(["git", "-C", folder, "log", "-1", "--format=%H %ct"], Path()).split()
    records = [record for record in committed(folder, commit) if any(packages(record))]
    if not records:
        raise RefreshError(f"{name} has no advisories for PyPI")
    return Database(name, commit, datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).date(), records)


def committed(folder: str, commit: str) -> Iterator[Record]:
    """Yield the records of a commit. A file that is no record is passed over, one that is damaged is an error."""
    with subprocess.Popen(["git", "-C", folder, "archive", commit], stdout=subprocess.PIPE) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    if content := archive.extractfile(member):
                        record = parse(member.name, content.read())
                        if isinstance(record, dict) and "id" in record and "affected" in record:
                            yield record
        except tarfile.TarError as problem:
            raise RefreshError(f"git cannot read all of {folder}") from problem
    if process.returncode:
        raise RefreshError(f"git cannot read all of {folder}")


def parse(name: str, content: bytes) -> object:
    """Return what a JSON or YAML file holds, None for any other file."""
    try:
        match Path(name).suffix:
            case ".json":
                return json.loads(content)
            case ".yaml" | ".yml":
                return yaml.load(content, Loader)  # noqa: S506 - it makes nothing but text, lists and dictionaries
    except (ValueError, yaml.YAMLError) as problem:
        raise RefreshError(f"{name} is damaged: {problem}") from problem
    return None


def withdrawn(record: Record) -> bool:
    """Say whether a record has the date of its withdrawal."""
    return str(record.get("withdrawn", ""))[:1].isdigit()


def relevant(databases: Iterable[Database], table: Table) -> dict[str, Record]:
    """Return by identifier the advisories that name a package of the table and are not withdrawn.

    Of several databases that have one, the first decides, so the newest should be named first.
    """
    advisories: dict[str, Record] = {}
    for database in databases:
        for record in database.records:
            if any(name in table.versions for name, _ in packages(record)):
                advisories.setdefault(record["id"], record)
    return {identifier: record for identifier, record in advisories.items() if not withdrawn(record)}


def packages(record: Record) -> Iterator[tuple[str, Record]]:
    """Yield the packages of PyPI that a record names, each with what the record says of it."""
    for entry in record["affected"] or ():
        package = entry.get("package", {})
        if package.get("ecosystem") == "PyPI":
            yield normal(package["name"]), entry


def findings(advisories: dict[str, Record], table: Table) -> list[Finding]:
    """Return the advisories that count, in the order of the packages."""
    found: set[Finding] = set()
    for identifier, record in advisories.items():
        for name, entry in packages(record):
            version = table.versions.get(name)
            if version and affects(entry, version):
                found.add(Finding(name, version, identifier, summary(record), fixed(entry)))
    return sorted(found)


def affects(entry: Record, version: str) -> bool:
    """Say whether a record's entry for a package affects a version, or leaves that open.

    The versions that it lists count, and so do those in its ranges:

    >>> affects({"versions": ["1.0", "1.1"]}, "1.1.0")
    True
    >>> affects({"versions": ["1.0", "1.1"]}, "1.2")
    False
    >>> events = [{"introduced": "0"}, {"fixed": "4.2.18"}, {"introduced": "5.1"}, {"fixed": "5.1.4"}]
    >>> entry = {"ranges": [{"type": "ECOSYSTEM", "events": events}]}
    >>> [affects(entry, version) for version in ("0.1", "4.2.17", "4.2.18", "5.1rc1", "5.1", "5.1.4", "5.1.10")]
    [True, True, False, False, True, False, False]
    >>> entry = {"ranges": [{"type": "ECOSYSTEM", "events": [{"last_affected": "1.10"}, {"introduced": "1.9"}]}]}
    >>> [affects(entry, version) for version in ("1.8", "1.9", "1.10", "1.10.1")]
    [False, True, True, False]

    It is open with ranges of commits alone, or with a bound that PEP 440 cannot compare:

    >>> affects({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, "1.0")
    True
    >>> affects({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}], "versions": ["0.9"]}, "1.0")
    False
    >>> affects({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "first"}]}]}, "1.0")
    True
    """
    listed = entry.get("versions") or []
    ranges = [one["events"] for one in entry.get("ranges") or [] if one["type"] != "GIT"]
    if not listed and not ranges:
        return True
    try:
        pinned = Version(version)
        return pinned in comparable(listed) or any(contains(events, pinned) for events in ranges)
    except InvalidVersion:
        return True


def comparable(versions: Iterable[str]) -> Iterator[Version]:
    """Yield the versions that PEP 440 knows. The others are from before it, and no pinned version equals them."""
    for version in versions:
        try:
            yield Version(version)
        except InvalidVersion:
            continue


def contains(events: Iterable[dict[str, str]], version: Version) -> bool:
    """Say whether a version is in a range: the last event that precedes it decides."""
    inside = False
    for at, kind in sorted(boundaries(events)):
        if kind == EVENTS.index("introduced"):
            inside = inside or at <= version
        elif at < version or (at == version and kind == EVENTS.index("fixed")):
            inside = False
    return inside


def boundaries(events: Iterable[dict[str, str]]) -> Iterator[tuple[Version, int]]:
    """Yield the events of a range by version and kind, the index in EVENTS."""
    for event in events:
        for kind, value in event.items():
            if kind in EVENTS:
                yield FIRST if value == "0" else Version(value), EVENTS.index(kind)


def fixed(entry: Record) -> str:
    """Return which versions have the correction."""
    ranges = (one["events"] for one in entry.get("ranges") or [] if one["type"] != "GIT")
    versions = [event["fixed"] for events in ranges for event in events if "fixed" in event]
    return f"fixed in {' and '.join(versions)}" if versions else "no fixed version"


def summary(record: Record) -> str:
    """Return a record's summary, or the beginning of its details."""
    text = " ".join(str(record.get("summary") or record.get("details") or "no summary").split())
    return text if len(text) <= SUMMARY else f"{text[: SUMMARY - 3].rstrip()}..."


def read_accepted(path: Path) -> dict[str, str]:
    """Return the reasons why findings are accepted, by identifier. The file is there only if it is needed."""
    accepted: dict[str, str] = {}
    for line in read_list(path) if path.exists() else []:
        identifier, _, reason = line.partition(":")
        if not reason.strip():
            raise RefreshError(f"{path.name}: {identifier} has no reason")
        accepted[identifier] = reason.strip()
    return accepted


def report(
    table: Table,
    databases: Iterable[Database],
    advisories: dict[str, Record],
    found: list[Finding],
    accepted: dict[str, str],
) -> str:
    """Return the report. It follows from the table, the databases and the accepted findings alone."""
    named = {name for record in advisories.values() for name, _ in packages(record)} & table.versions.keys()
    lines = ["", f"table before {table.before}", f"checksum {table.checksum}"]
    lines += [f"database {base.name} {base.commit} of {base.day}, {age(base.day, table)}" for base in databases]
    lines += [f"packages {len(table.versions)}, of which {len(named)} are named by advisories"]
    lines += [f"advisories {len(advisories)}"]
    for finding in found:
        lines.append(finding.line())
        if reason := accepted.get(finding.identifier):
            lines.append(f"accepted {finding.identifier}: {reason}")
    lines += [] if found else ["findings none"]
    return HEADER + "\n".join(lines) + "\n"


def age(day: datetime.date, table: Table) -> str:
    """Return how old a database is when its table is made."""
    days = (datetime.datetime.fromisoformat(table.before).date() - day).days
    return f"{days} days before the table's date" if days > 0 else "not before the table's date"


def check(found: Iterable[Finding], accepted: dict[str, str]) -> None:
    """Fail unless audit-accepted.txt explains exactly the findings."""
    identifiers = {finding.identifier for finding in found}
    if open_ones := [finding.line() for finding in found if finding.identifier not in accepted]:
        raise RefreshError("without a reason in audit-accepted.txt:\n" + "\n".join(open_ones))
    if idle := sorted(accepted.keys() - identifiers):
        raise RefreshError(f"audit-accepted.txt: no longer found, remove: {', '.join(idle)}")


if __name__ == "__main__":
    sys.exit(main())
