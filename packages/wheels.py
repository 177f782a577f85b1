"""Pack each released binary into a wheel, so that `uvx kitout` and `pipx run kitout` work without Go.

Usage: python packages/wheels.py DIST OUT, with the folder that goreleaser has filled. The wheel is a
function of the binary: SOURCE_DATE_EPOCH is the time of every file in it.
"""

import json
import sys
from pathlib import Path

from wheel.wheelfile import WheelFile

# A static binary needs no libc: the oldest of each family will do
PLATFORMS = {
    ("linux", "amd64"): "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    ("linux", "arm64"): "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    ("darwin", "amd64"): "macosx_12_0_x86_64",  # what Go 1.26 asks for
    ("darwin", "arm64"): "macosx_12_0_arm64",
    ("windows", "amd64"): "win_amd64",
    ("windows", "arm64"): "win_arm64",
}

METADATA = """\
Metadata-Version: 2.4
Name: kitout
Version: {version}
Summary: Fits a Python web service out for production
License-Expression: MIT
License-File: LICENSE
Requires-Python: >=3.9
Project-URL: Source, https://github.com/kitout/kitout
Description-Content-Type: text/markdown

{readme}"""

WHEEL = """\
Wheel-Version: 1.0
Generator: packages/wheels.py
Root-Is-Purelib: false
{tags}
"""


def python_version(version: str) -> str:
    """Return a version of Go's modules as Python writes it: 1.2.0-rc.1 is 1.2.0rc1."""
    number, _, stage = version.partition("-")
    if not stage:
        return number
    return number + (stage.replace(".", "") if stage.startswith("rc") else ".dev0")


def pack(binary: Path, platform: str, version: str, out: Path) -> Path:
    """Write the wheel of one binary, and return its path."""
    root = Path(__file__).resolve().parents[1]
    python = python_version(version)
    target = out / f"kitout-{python}-py3-none-{platform}.whl"
    info = f"kitout-{python}.dist-info"
    tags = "\n".join(f"Tag: py3-none-{tag}" for tag in platform.split("."))
    readme = (root / "README.md").read_text(encoding="utf-8")
    with WheelFile(target, "w") as wheel:
        wheel.write(binary, f"kitout-{python}.data/scripts/{binary.name}")
        wheel.write(root / "LICENSE", f"{info}/licenses/LICENSE")
        wheel.writestr(f"{info}/METADATA", METADATA.format(version=python, readme=readme))
        wheel.writestr(f"{info}/WHEEL", WHEEL.format(tags=tags))
    return target


def main(dist: Path, out: Path) -> None:
    version = json.loads((dist / "metadata.json").read_text(encoding="utf-8"))["version"]
    out.mkdir(parents=True, exist_ok=True)
    for artifact in json.loads((dist / "artifacts.json").read_text(encoding="utf-8")):
        if artifact["type"] == "Binary":
            platform = PLATFORMS[artifact["goos"], artifact["goarch"]]
            print(pack(Path(artifact["path"]), platform, version, out))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
