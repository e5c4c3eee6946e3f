"""The reference of the public names: a page per room."""

import inspect
from enum import Enum
from pathlib import Path

import warmstart
from warmstart.specs import summary_of

from ._pages import contents, prose, table

ROOMS = {
    "strategies": "What a round starts from",
    "training": "Training a round",
    "penalties": "Terms of the loss",
    "queries": "What an active stream asks for",
    "streams": "How data arrive",
    "learners": "What builds, trains and evaluates",
    "models": "Architectures",
    "data": "Reading data",
    "trial": "What a study trains and evaluates on",
    "studies": "Studies",
    "executors": "Where trials run",
    "analysis": "What a study says",
    "reports": "Reports",
    "diagnostics": "Measurements",
    "retrain": "The retraining project",
    "basics": "Errors, metrics and randomness",
}


def public_names() -> list[str]:
    """Return the names that ``import warmstart as ws`` offers besides its rooms, in order."""
    names = [name for name in dir(warmstart) if not name.startswith("_")]
    return [name for name in names if not inspect.ismodule(getattr(warmstart, name))]


def rooms() -> dict[str, list[str]]:
    """Return the public names by the room that they are from.

    Raises:
        ValueError: If a name is of no known room.
    """
    found: dict[str, list[str]] = {room: [] for room in ROOMS}
    for name in public_names():
        room = getattr(warmstart, name).__module__.split(".")[1]
        if room not in found:
            raise ValueError(f"{name} is of the room {room}, which is not in ROOMS of tools/docsite/_api.py.")
        found[room].append(name)
    return found


def link_to(name: str) -> str:
    """Return the link to a public name's entry."""
    return f"{{py:obj}}`{name} <warmstart.{name}>`"


def write_api(folder: Path) -> dict[str, str]:
    """Write the pages; return what each is about."""
    place = folder / "reference/api"
    place.mkdir(parents=True)
    about = {}
    for room, names in rooms().items():
        about[f"reference/api/{room}"] = f"{ROOMS[room]}: {', '.join(f'`{name}`' for name in names)}"
        rows = [(link_to(name), prose(summary_of(getattr(warmstart, name)))) for name in names]
        entries = "\n\n".join(_entry(name) for name in names)
        text = (
            f"# {ROOMS[room]}: `{room}`\n\nAs `import warmstart as ws` offers "
            f"it.\n\n{table(('name', 'what it is'), rows)}\n\n"
            f"```{{eval-rst}}\n.. currentmodule:: warmstart\n\n{entries}\n```\n"
        )
        (place / f"{room}.md").write_text(text, encoding="utf-8")
    rows = [
        (link_to(name), prose(summary_of(getattr(warmstart, name))), f"[{room}]({room}.md)")
        for room, names in rooms().items()
        for name in names
    ]
    listing = table(("name", "what it is", "room"), sorted(rows, key=lambda row: row[0].lower()))
    tree = contents(ROOMS)
    (place / "index.md").write_text(
        f"# Python\n\nAll that `import warmstart as ws` offers, in the order of the alphabet.\n\n{listing}\n\n{tree}\n",
        encoding="utf-8",
    )
    about["reference/api/index"] = "every public name of the package, by room"
    return about


def _entry(name: str) -> str:
    owner = getattr(warmstart, name)
    if not inspect.isclass(owner):
        return f".. autofunction:: {name}"
    lines = [f".. autoclass:: {name}", "   :members:"]
    if issubclass(owner, Enum):
        lines.append("   :undoc-members:")
    elif inspect.isfunction(vars(owner).get("__call__")):
        lines.append("   :special-members: __call__")
    return "\n".join(lines)
