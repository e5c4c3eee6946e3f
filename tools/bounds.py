"""Write the lowest versions that pyproject.toml allows as constraints for pip, or check those of constraints.txt.

python tools/bounds.py lab test > lowest.txt          # of the core and of these extras
python tools/bounds.py lab test --torch 2.13.0        # with another version of PyTorch than its lowest
python tools/bounds.py --check                        # that constraints.txt pins everything, not below its bound
python tools/bounds.py --check --tag v0.2.0           # and that this is the version everywhere
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?>=([0-9.]+)$")
_OWN_EXTRAS = re.compile(r"warmstart\[([^\]]*)\]$")


def lowest(project: dict, extras: list[str]) -> dict[str, str]:
    """Return the lower bound of each dependency by name, of the core and of extras, with those that they include.

    Raises:
        ValueError: If a dependency has no lower bound, or one extra or bound of the same package contradicts another.
    """
    found: dict[str, str] = {}
    waiting = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    while waiting:
        line = waiting.pop(0)
        if own := _OWN_EXTRAS.match(line):
            waiting += [one for extra in own[1].split(",") for one in project["optional-dependencies"][extra.strip()]]
            continue
        match = _REQUIREMENT.match(line)
        if match is None:
            raise ValueError(f"{line!r} must be a name and a lower bound, such as numpy>=1.26.")
        name, _, bound = match.groups()
        if found.setdefault(name, bound) != bound:
            raise ValueError(f"{name} must have one lower bound, got {found[name]} and {bound}.")
    return found


def unpinned(project: dict, constraints: str) -> list[str]:
    """Return a sentence for each dependency that constraints do not pin, or pin below its lower bound."""
    pins = dict(line.split("==") for line in constraints.splitlines() if "==" in line and not line.startswith("#"))
    versions = {_plain(name): version for name, version in pins.items()}
    sentences = []
    for name, bound in lowest(project, list(project["optional-dependencies"])).items():
        if (version := versions.get(_plain(name))) is None:
            sentences.append(f"constraints.txt must pin {name}.")
        elif _numbers(version) < _numbers(bound):
            sentences.append(f"constraints.txt must pin {name} at {bound} or above, got {version}.")
    return sentences


def other_versions(version: str, tag: str) -> list[str]:
    """Return a sentence for each place that has another version than pyproject.toml."""
    citation = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    found = {"CITATION.cff": citation[:1], "CHANGELOG.md": released[:1], "the tag": [tag.removeprefix("v")]}
    return [f"{place} must have version {version}, got {got}." for place, got in found.items() if got != [version]]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", re.sub(r"[^0-9.].*", "", version))]


def main() -> None:
    """Print the constraints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extras", nargs="*", help="extras of pyproject.toml")
    parser.add_argument("--torch", help="in place of its lower bound")
    parser.add_argument("--check", action="store_true", help="check constraints.txt instead")
    parser.add_argument("--tag", help="with --check: of the release")
    given = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if given.check:
        sentences = unpinned(project, (ROOT / "constraints.txt").read_text(encoding="utf-8"))
        sentences += other_versions(project["version"], given.tag) if given.tag else []
        sys.exit("\n".join(sentences) or 0)
    bounds = lowest(project, given.extras)
    if given.torch:
        bounds["torch"] = given.torch
    for name, version in sorted(bounds.items()):
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
