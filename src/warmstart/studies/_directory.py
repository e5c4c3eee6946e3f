"""A study's directory: whether it is free for a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from warmstart.basics import InputError

from ._storage import LOCK
from ._store import RESULTS_DRAFT, Store
from ._study import Study, study_identity
from ._study_file import study_text

STUDY_FILE = "study.toml"


def check_directory(store: Store, study: Study) -> None:
    """Raise unless the directory is free for the study or holds it."""
    directory = store.directory
    if store.exists():
        _check_same(store.entry("study"), study_identity(study), directory)
        return
    check_no_file(directory)
    if directory.exists() and any(_not_ours(entry, study) for entry in directory.iterdir()):
        raise InputError(
            f"The results' directory must be new, empty or hold this study, but {directory} holds other files."
        )


def check_no_file(directory: Path) -> None:
    """Raise if what is to be the results' directory is a file."""
    if directory.exists() and not directory.is_dir():
        raise InputError(f"The results' directory must be a directory, got {directory}, which is a file.")


def _not_ours(entry: Path, study: Study) -> bool:
    """Whether a file cannot be left by this study, killed while it made its directory."""
    if entry.name == STUDY_FILE:
        return entry.read_text() != study_text(study)
    return not (entry.name == LOCK or entry.name.startswith((RESULTS_DRAFT, f".{STUDY_FILE}.")))


def _check_same(stored: dict[str, Any], asked: dict[str, Any], directory: Path) -> None:
    stored_flat, asked_flat = _flat(stored), _flat(asked)
    for key in {**stored_flat, **asked_flat}:
        if stored_flat.get(key) != asked_flat.get(key):
            raise InputError(
                f"{directory} holds another study: its {key} is {stored_flat.get(key)}, not {asked_flat.get(key)}; "
                "choose another directory, or the same settings to go on."
            )


def _flat(tables: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        flat |= {f"{key}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {key: value}
    return flat
