"""What a study consists of, for programs: ``study.json`` beside its trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from warmstart.basics import InputError, printable

from ._lines import check_format, seal, unseal
from ._locks import guarded
from ._storage import FORMAT, atomic_file, check_no_old_store, read_regular, storage_errors

INDEX = "study.json"


def write_study_index(
    directory: Path, index: Mapping[str, Any], *, beside: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write what a study consists of atomically, with a digest; an earlier one is replaced.

    Args:
        directory: The store's; made if need be.
        index: Plain values, such as settings, labels, metric, rounds expected and the keys of the trials.
        beside: Texts by name of file, in the same directory, for people; written first.

    Raises:
        InputError: If the directory holds results of version 0.1.
        StorageError: If the disk is full or the directory cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_study_index(Path(folder), {"rounds": 3})
        ...     read_study_index(Path(folder))
        {'rounds': 3}
    """
    check_no_old_store(directory)
    line, _ = seal({"format": FORMAT, "index": dict(index)}, INDEX)
    # Guarded, for two processes may begin the same study at the same time and drafts have one name.
    with storage_errors(directory), guarded(directory):
        for name, content in (*((name, text.encode()) for name, text in beside.items()), (INDEX, line)):
            with atomic_file(directory / name) as draft:
                draft.write_bytes(content)


def read_study_index(directory: Path) -> dict[str, Any] | None:
    """Return what :func:`write_study_index` wrote; None where there is none.

    Raises:
        InputError: If the file is damaged or of a later version, or the directory holds results of version 0.1.
    """
    check_no_old_store(directory)
    path = directory / INDEX
    line = read_regular(path)
    if line is None:
        return None
    check_format(line, path)
    try:
        values, _ = unseal(line, INDEX)
        return values["index"]
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{printable(str(path))} is damaged ({error}); delete it and run the study in this directory again: its "
            "trials are stored apart and are kept."
        ) from error
