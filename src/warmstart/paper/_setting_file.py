"""The setting file of a results directory."""

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
from warmstart.models import UserModel
from warmstart.specs import MODEL, from_table, to_table
from warmstart.store import storage_errors
from warmstart.studies import check_place, has_study

from .kit.setting import Setting

SETTING, STUDIES = "setting.json", "studies"
LOCK = f".{SETTING}.lock"
# What results add to: two processes may know the sizes of different data sets.
_GROWING = ("samples", "second_look")
# What a process that was killed during an atomic write of the setting leaves behind.
_DRAFT = re.compile(rf"\.{re.escape(SETTING)}\.\d+\.part")


def check_results_directory(directory: Path) -> None:
    """Raise unless the directory has results of the paper's experiments, is empty, or can be created.

    Raises:
        InputError: If it is a file, cannot be written, or contains other files, which the report might replace.
    """
    check_place(directory)
    if not directory.exists() or (directory / SETTING).exists():
        return
    names = sorted(entry.name for entry in directory.iterdir())
    foreign = [name for name in names if name not in (LOCK, STUDIES) and not _DRAFT.fullmatch(name)]
    if foreign:
        raise InputError(
            f"The results' directory must be new, empty or contain results of the paper's experiments, but "
            f"{shown(directory)} contains other files, such as {shown(foreign[0])}."
        )


def has_results(directory: str | Path) -> bool:
    """Return whether any study in a directory has results, so that its setting cannot change any more."""
    return any(map(has_study, Path(directory, STUDIES).glob("*")))


def keep_setting(setting: Setting, directory: Path) -> Setting:
    """Write the setting into the directory, or raise if it has results in another setting.

    A setting without results, of a command that was mistyped or interrupted, is replaced.

    Returns:
        The setting, with the sizes of data sets that other processes have added.

    Raises:
        InputError: If the directory has results in another setting.
        StorageError: If it cannot be written.
    """
    table = {key: value for key, value in setting_to_table(setting).items() if key not in _GROWING}
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        # Two processes may add the sizes of different data sets at the same time.
        with FileLock(directory / LOCK):
            stored = read_setting(directory)
            before = {} if stored is None else setting_to_table(stored)
            if stored is not None and (has_results(directory) or before.items() >= table.items()):
                differing = [
                    f"{key}: {shown(before[key])} there, {shown(requested)} requested"
                    for key, requested in table.items()
                    if before[key] != requested
                ]
                if differing:
                    raise InputError(
                        f"{directory} contains results in a different setting ({'; '.join(differing)}); choose "
                        "another directory, or the same setting."
                    )
                second = tuple(dict.fromkeys((*stored.second_look, *setting.second_look)))
                setting = replace(setting, samples={**stored.samples, **setting.samples}, second_look=second)
            text = json.dumps(setting_to_table(setting), indent=1)
            write_atomically(directory / SETTING, f"{text}\n")
    return setting


def drop_setting(directory: Path) -> None:
    """Delete the setting if the directory has no results, and the directory if nothing else is in it."""
    # A command that was mistyped leaves nothing behind, and does not bind the next one to its setting. What cannot be
    # deleted is harmless: a setting without results is replaced by the next one.
    with suppress(OSError), FileLock(directory / LOCK):
        if has_results(directory):
            return
        (directory / SETTING).unlink(missing_ok=True)
        (directory / LOCK).unlink(missing_ok=True)
        for folder in (directory / STUDIES, directory):
            if folder.is_dir():
                folder.rmdir()


def setting_to_table(setting: Setting) -> dict[str, Any]:
    """Return a setting as JSON knows it."""
    # Without the directory of the data, which may be another one on another machine.
    return {
        "scale": setting.scale,
        "seeds": setting.seeds,
        "data": setting.data,
        "model": None if setting.model is None else to_table(MODEL, setting.model),
        "width": setting.width,
        "max_epochs": setting.max_epochs,
        "digits": setting.digits,
        "desk": setting.desk,
        "image_size": setting.image_size,
        "precision": setting.precision,
        "auto_seeds": setting.auto_seeds,
        "samples": dict(setting.samples),
        "second_look": list(setting.second_look),
    }


def setting_from_table(table: Mapping[str, Any]) -> Setting:
    """Return the setting that :func:`setting_to_table` was given; other keys and values raise as they may."""
    model = table["model"]
    if model is not None:
        # A report must not need the user's module, which may be in the folder where the experiments were run.
        is_users = set(model) == {"name"} and ":" in model["name"]
        model = UserModel(model["name"]) if is_users else from_table(MODEL, model)
    return Setting(**{**table, "model": model, "second_look": tuple(table.get("second_look", ()))})


def binding_setting(directory: Path) -> Setting | None:
    """Return the setting of a directory that has results; None if it has no setting, or no results yet.

    Raises:
        InputError: If the file is damaged.
    """
    stored = read_setting(directory)
    return stored if has_results(directory) else None


def read_setting(directory: Path) -> Setting | None:
    """Return the setting in a directory; None if there is none.

    Raises:
        InputError: If the file is damaged.
    """
    path = directory / SETTING
    if not path.exists():
        return None
    try:
        return setting_from_table(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(
            f"{path} must hold the setting of the results beside it, but cannot be read: {shown(error)}."
        ) from error
