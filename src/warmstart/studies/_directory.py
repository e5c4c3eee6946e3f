"""A study's directory: whether it is free for a study."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, check_directory_path, checked_path, shown
from warmstart.data import DIRECTORY_VARIABLE, DataSource
from warmstart.store import DRAFTS, LOCK, Store, storage_errors

from ._study import Study, study_identity
from ._study_file import study_text

STUDY_FILE = "study.toml"
_STUDY_DRAFT = re.compile(rf"\.{re.escape(STUDY_FILE)}\.\d+\.part")


def check_directory(store: Store, study: Study) -> None:
    """Raise unless the directory is free for the study or holds it."""
    directory = store.directory
    checked_path("The results' directory", directory)
    if store.exists():
        _check_same(store.entry("study"), study_identity(study), directory)
        return
    check_place(directory)
    if directory.exists():
        with storage_errors(directory):
            foreign = next((entry for entry in sorted(directory.iterdir()) if _not_ours(entry, study)), None)
        if foreign is not None:
            raise InputError(
                f"The results' directory must be new, empty or hold this study, but {shown(directory)} holds other "
                f"files, such as {shown(foreign.name)}."
            )


def check_place(directory: Path) -> None:
    """Raise unless this can be the results' directory: files can be written there, whether or not it exists."""
    check_directory_path("The results' directory", checked_path("The results' directory", directory))
    try:
        str(directory.absolute()).encode()
    except UnicodeEncodeError:
        # Checkpoints are written by a library that knows no other names.
        raise InputError(f"The results' directory must have a name in UTF-8, got {shown(directory)}.") from None


def check_source(source: DataSource) -> None:
    """Raise if no file system can have the paths that data are to come from."""
    checked_path("data", source.name)
    directory = source.directory if source.directory is not None else os.environ.get(DIRECTORY_VARIABLE)
    if directory:
        checked_path("data-dir", directory)


def _not_ours(entry: Path, study: Study) -> bool:
    """Whether a file cannot be left by this study, killed while it made its directory."""
    if entry.name == STUDY_FILE:
        return not entry.is_file() or entry.read_bytes() != study_text(study).encode()
    return entry.name not in (LOCK, *DRAFTS) and not _STUDY_DRAFT.fullmatch(entry.name)


def _check_same(stored: dict[str, Any], asked: dict[str, Any], directory: Path) -> None:
    stored_flat, asked_flat = _flat(stored), _flat(asked)
    for key in {**stored_flat, **asked_flat}:
        if stored_flat.get(key) != asked_flat.get(key):
            raise InputError(
                f"{shown(directory)} holds another study: its {key} is {shown(stored_flat.get(key))}, "
                f"not {shown(asked_flat.get(key))}; "
                "choose another directory, or the same settings to go on."
            )


def _flat(tables: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        flat |= {f"{key}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {key: value}
    return flat
