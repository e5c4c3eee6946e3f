"""The file of results: parts side by side, each with where and when it was measured."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warmstart.basics import write_atomically

from ._part import Part, Setting


def read_results(path: Path) -> dict[str, Any]:
    """Return the parts in a file, by name; none if there is no file."""
    return json.loads(path.read_text())["parts"] if path.exists() else {}


def write_results(path: Path, parts: Mapping[str, Any]) -> None:
    """Write parts into a file, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"parts": parts}, indent=2) + "\n")


def measured_with_origin(part: Part, setting: Setting, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Measure a part, and return its figures with their origin.

    Args:
        part: What is measured.
        setting: How.
        machine: Versions and hardware, as they were when the program began: its own file changes the source tree.
    """
    load, begin = busy(), time.perf_counter()
    measured = part.measure(setting)
    how = {"turns": setting.repeats, "quick": setting.quick, "seconds": round(time.perf_counter() - begin, 1)}
    return {"measured": measured, "made": {**machine, **how, "load_before": load, "load_after": busy()}}


def busy() -> float:
    """Return the load average of the last minute; 0 where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0
