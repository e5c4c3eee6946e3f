"""The setting of the results in a directory, kept beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from warmstart.basics import InputError, shown, write_atomically
from warmstart.specs import model_from_table, model_to_table
from warmstart.store import RESULTS, storage_errors
from warmstart.studies import check_place

from ._setting import Setting

SETTING, STUDIES = "setting.json", "studies"
LOCK = f".{SETTING}.lock"


_DRAFT = re.compile(rf"\.{re.escape(SETTING)}\.\d+\.part")


def check_free(directory: Path) -> None:
    """Raise unless the directory holds results of the paper's experiments, or nothing, or can be made.

    Raises:
        InputError: If it is a file, cannot be written, or holds other files, which the report might replace.
    """
    check_place(directory)
    if not directory.exists() or (directory / SETTING).exists():
        return
    names = sorted(entry.name for entry in directory.iterdir())
    foreign = [name for name in names if name not in (LOCK, STUDIES) and not _DRAFT.fullmatch(name)]
    if foreign:
        raise InputError(
            f"The results' directory must be new, empty or hold results of the paper's experiments, but "
            f"{shown(directory)} holds other files, such as {shown(foreign[0])}."
        )


def has_results(directory: str | Path) -> bool:
    """Return whether any study in a directory has results, so that its setting is binding."""
    return any(Path(directory, STUDIES).glob(f"*/{RESULTS}"))


def keep_setting(setting: Setting, directory: Path) -> Setting:
    """Write the setting into the directory, or raise if results in another one are there.

    A setting without results, of a command that was mistyped or interrupted, gives way.

    Returns:
        The setting, with the sizes of the data sets that others have found as well.

    Raises:
        InputError: If the directory holds results in another setting.
        StorageError: If it cannot be written.
    """
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        # Two processes may add the sizes of other data sets at the same time.
        with FileLock(directory / LOCK):
            return _kept(setting, directory)


def drop_setting(directory: Path) -> None:
    """Delete the setting where it has no results, and the directory where nothing else is in it.

    What was mistyped then leaves nothing.
    """
    with suppress(OSError), FileLock(directory / LOCK):  # the setting gives way in any case: see keep_setting
        if has_results(directory):
            return
        (directory / SETTING).unlink(missing_ok=True)
        (directory / LOCK).unlink(missing_ok=True)
        for folder in (directory / STUDIES, directory):
            if folder.is_dir():
                folder.rmdir()


def _kept(setting: Setting, directory: Path) -> Setting:
    stored = read_setting(directory)
    if stored is not None and (has_results(directory) or _table(stored) == _table(setting)):
        _check_same(_table(stored), _table(setting), directory)
        setting = replace(setting, samples={**stored.samples, **setting.samples})
    write_atomically(
        directory / SETTING, json.dumps(_table(setting) | {"samples": dict(setting.samples)}, indent=1) + "\n"
    )
    return setting


def _check_same(stored: Mapping[str, Any], asked: Mapping[str, Any], directory: Path) -> None:
    differing = [key for key in asked if stored.get(key) != asked[key]]
    if differing:
        pairs = ", ".join(f"{key} is {shown(stored.get(key))}, not {shown(asked[key])}" for key in differing)
        raise InputError(
            f"{directory} holds results in another setting: {pairs}; choose another directory, or the same setting."
        )


def _table(setting: Setting) -> dict[str, Any]:
    """Return what results in one directory have in common; where the data lie is not part of it."""
    return {
        "scale": setting.scale,
        "seeds": setting.seeds,
        "data": setting.data,
        "model": None if setting.model is None else model_to_table(setting.model),
        "width": setting.width,
        "max_epochs": setting.max_epochs,
        "digits": setting.digits,
    }


def binding_setting(directory: Path) -> Setting | None:
    """Return the setting of the results in a directory; None where there is none, or it has no results yet.

    Raises:
        InputError: If the file is damaged.
    """
    stored = read_setting(directory)
    return stored if has_results(directory) else None


def read_setting(directory: Path) -> Setting | None:
    """Return the setting of the results in a directory; None where there are none.

    Raises:
        InputError: If the file is damaged.
    """
    path = directory / SETTING
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        model = None if table["model"] is None else model_from_table(table.pop("model"))
        return Setting(**{**table, "model": model})
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(
            f"{path} must hold the setting of the results beside it, but cannot be read: {shown(error)}."
        ) from error
