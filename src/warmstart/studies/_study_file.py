"""Studies as TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from warmstart.basics import InputError, checked_path, shown, write_atomically
from warmstart.store import storage_errors

from ._study import Study, study_to_dict

_LARGEST = 10_000_000


def write_study_file(study: Study, path: Path) -> None:
    """Write the complete study.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    with storage_errors(path.parent):
        write_atomically(path, study_text(study))


def study_text(study: Study) -> str:
    """Return the complete study as TOML."""
    return tomli_w.dumps(study_to_dict(study))


def read_study_file(path: str | Path) -> dict[str, Any]:
    """Return a study file's tables.

    Raises:
        InputError: If the file is missing, is no regular file, or is not TOML.
    """
    file = checked_path("study", path)
    try:
        content = _content(file)
    except OSError as error:
        raise InputError(f"The study file {shown(file)} cannot be read: {error.strerror}.") from error
    try:
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # also of numbers with more digits than Python reads
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error), limit=200)
        raise InputError(f"The study file {shown(file)} is not valid TOML: {reason.rstrip('.')}.") from error


def _content(file: Path) -> bytes:
    """Return the bytes of a file; a device would have no end, and a FIFO none before its writer comes."""
    is_pipe_of_shell = file.is_fifo() and file.parent.resolve().name == "fd"  # as in --study <(command)
    if file.exists() and not file.is_file() and not file.is_dir() and not is_pipe_of_shell:
        raise InputError(f"The study file {shown(file)} must be a regular file.")
    with file.open("rb") as opened:
        content = opened.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise InputError(f"The study file {shown(file)} must have at most {_LARGEST:,} bytes.")
    return content
