"""Studies as TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from warmstart.basics import InputError, write_whole

from ._storage import storage_errors
from ._study import Study, study_to_dict


def write_study_file(study: Study, path: Path) -> None:
    """Write the complete study.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    with storage_errors(path.parent):
        write_whole(path, study_text(study))


def study_text(study: Study) -> str:
    """Return the complete study as TOML."""
    return tomli_w.dumps(study_to_dict(study))


def read_study_file(path: str | Path) -> dict[str, Any]:
    """Return a study file's tables.

    Raises:
        InputError: If the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text())
    except OSError as error:
        raise InputError(f"The study file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The study file {path} is not valid TOML: {error}.") from error
