"""Studies as TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from warmstart.basics import InputError, checked_path, shown

from ._study import Study, study_to_dict

_LARGEST = 10_000_000


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
        # A device would have no end, and a FIFO none before its writer comes; the shell has one for --study <(command).
        is_pipe_of_shell = file.is_fifo() and file.parent.resolve().name == "fd"
        if file.exists() and not file.is_file() and not file.is_dir() and not is_pipe_of_shell:
            raise InputError(f"The study file {shown(file)} must be a regular file.")
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"The study file {shown(file)} cannot be read: {error.strerror}.") from error
    if len(content) > _LARGEST:
        raise InputError(f"The study file {shown(file)} must have at most {_LARGEST:,} bytes.")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))  # some editors begin files with a mark
    except (ValueError, RecursionError) as error:  # also of numbers with more digits than Python reads
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error), limit=200)
        raise InputError(f"The study file {shown(file)} is not valid TOML: {reason.rstrip('.')}.") from error
