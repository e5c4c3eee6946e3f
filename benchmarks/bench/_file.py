"""The file of results: parts side by side, each with where and when it was measured."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warmstart.basics import write_whole
from warmstart.studies import provenance

from ._part import Setting


def read_results(path: Path) -> dict[str, Any]:
    """Return the parts that a file holds, by name; none if there is no file."""
    return json.loads(path.read_text())["parts"] if path.exists() else {}


def write_results(path: Path, parts: Mapping[str, Any]) -> None:
    """Write parts into a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"parts": parts}, indent=2) + "\n")


def with_provenance(measured: Mapping[str, Any], setting: Setting, seconds: float) -> dict[str, Any]:
    """Return a part's figures as they are kept.

    Args:
        measured: The figures.
        setting: How they were measured.
        seconds: What measuring took.
    """
    made = provenance(device="cpu", workers=1, threads=setting.threads)
    return {
        "measured": measured,
        "made": {**made, "turns": setting.repeats, "quick": setting.quick, "seconds": round(seconds, 1)},
    }
