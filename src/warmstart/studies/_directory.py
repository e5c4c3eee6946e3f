"""A study's directory: whether it is free for a study."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, check_directory_path, checked_path, shown
from warmstart.data import DIRECTORY_VARIABLE, DataSource
from warmstart.store import FILES_OF_STORE, LOCKS, storage_errors

from ._array_files import is_leftover
from ._study import Study, study_identity
from ._study_file import study_text

STUDY_FILE = "study.toml"
_GROWS = ("strategies", "seeds")
"""What of a study may change in its directory."""


def check_directory(directory: Path, index: Mapping[str, Any] | None, study: Study) -> None:
    """Raise unless the directory is free for the study, contains it, or contains one that grows into it."""
    checked_path("The results' directory", directory)
    if index is not None:
        stored, requested = (_flat(tables) for tables in (index["study"], study_identity(study)))
        for key in {**stored, **requested}:
            if key not in _GROWS and stored.get(key) != requested.get(key):
                raise InputError(
                    f"{shown(directory)} contains a different study ({key}: {shown(stored.get(key))} there, "
                    f"{shown(requested.get(key))} requested); choose another directory, or the same settings to resume."
                )
        return
    check_place(directory)
    if directory.exists():
        with storage_errors(directory):
            foreign = next((entry for entry in sorted(directory.iterdir()) if _is_foreign(entry, study)), None)
        if foreign is not None:
            raise InputError(
                f"The results' directory must be new, empty or contain this study, but {shown(directory)} contains "
                f"other files, such as {shown(foreign.name)}."
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


def _is_foreign(entry: Path, study: Study) -> bool:
    """Whether a file cannot be left by this study, killed while it made its directory."""
    if entry.name == STUDY_FILE:
        # Beside locks it is of a study whose index was deleted, as the error about a damaged index advises.
        is_written_anew = (entry.parent / LOCKS).is_dir()
        return not entry.is_file() or not (is_written_anew or entry.read_bytes() == study_text(study).encode())
    return entry.name not in FILES_OF_STORE and not is_leftover(entry)


def _flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        flat |= {f"{key}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {key: value}
    return flat
