"""The setting of the results in a directory, kept beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from warmstart.basics import InputError, write_whole
from warmstart.studies import model_from_table, model_to_table
from warmstart.studies._directory import check_place
from warmstart.studies._storage import storage_errors

from ._setting import Setting

SETTING = "setting.json"
LOCK = f".{SETTING}.lock"


def keep_setting(setting: Setting, directory: Path) -> Setting:
    """Write the setting into the directory, or raise if results in another one are there.

    Returns:
        The setting, with the sizes of the data sets that others have found as well.

    Raises:
        InputError: If the directory is a file, or holds another setting.
        StorageError: If it cannot be written.
    """
    check_place(directory)
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        # Two processes may add the sizes of other data sets at the same time.
        with FileLock(directory / LOCK):
            return _kept(setting, directory)


def _kept(setting: Setting, directory: Path) -> Setting:
    stored = read_setting(directory)
    if stored is not None:
        _check_same(_table(stored), _table(setting), directory)
        setting = replace(setting, samples={**stored.samples, **setting.samples})
    write_whole(directory / SETTING, json.dumps(_table(setting) | {"samples": dict(setting.samples)}, indent=1) + "\n")
    return setting


def _check_same(stored: Mapping[str, Any], asked: Mapping[str, Any], directory: Path) -> None:
    differing = [key for key in asked if stored.get(key) != asked[key]]
    if differing:
        pairs = ", ".join(f"{key} is {stored.get(key)}, not {asked[key]}" for key in differing)
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


def read_setting(directory: Path) -> Setting | None:
    """Return the setting of the results in a directory; None where there are none.

    Raises:
        InputError: If the file is damaged.
    """
    path = directory / SETTING
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_text())
        model = None if table["model"] is None else model_from_table(table.pop("model"))
        return Setting(**{**table, "model": model})
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(
            f"{path} must hold the setting of the results beside it, but cannot be read: {error}."
        ) from error
