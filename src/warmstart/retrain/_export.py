"""The champion as a folder of its own, which serves without the project."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, StorageError, check_directory_path, checked_path, shown
from warmstart.store import atomic_file

from ._champion import changing, model_pointer
from ._ledger import Ledger, now
from ._objects import (
    POINTER,
    file_digest,
    free_space_check,
    object_path,
    project_errors,
    verify_object,
    write_pointer,
)

_MODEL = "model.safetensors"


@dataclass(frozen=True)
class Exported:
    """What an export has written.

    Attributes:
        folder: Where to.
        model: Id of the model: the SHA-256 of its file.
        round: That trained it.
        strategy: What it started from.
        files: Size in bytes by name.
        notes: What a reader should know, one sentence each.
    """

    folder: str
    model: str
    round: int
    strategy: str
    files: dict[str, int]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        sizes = [f"  {name}: {size:,} bytes" for name, size in self.files.items()]
        return [f"Model {self.model[:12]} of round {self.round} is in {self.folder}.", *sizes, *self.notes]


def export(directory: Path, target: str | Path, *, model: str | None = None) -> Exported:
    """Copy a model and what says how to serve it; see :meth:`Retrainer.export`.

    Args:
        directory: The project's folder.
        target: New or empty folder.
        model: Id of a model; None: the champion.
    """
    folder = checked_path("folder", target)
    check_directory_path("folder", folder)
    with changing(directory, "export") as (project, ledger):
        chosen = ledger.champion() if model is None else ledger.model(model)
        if chosen is None and model is None:
            raise InputError("There is no champion to export yet: run `warmstart retrain update`.")
        if chosen is None or not chosen.size:
            state = "unknown" if chosen is None else chosen.state
            raise InputError(
                f"model must be the id of a model whose file is there, got {shown(model)}, which is {state}."
            )
        name = "champion" if model is None else "model"
        if chosen.state == "tainted" and ledger.deletions_due():
            raise InputError(
                f"The {name} was trained on rows that are to be forgotten, and a copy of it would outlive them: "
                "export the clean model that `warmstart retrain update` trains."
            )
        damage = verify_object(project, "models", chosen.id, size=chosen.size)
        if damage is not None:
            raise StorageError(
                f"The {name}'s file is {damage}; `warmstart retrain verify` lets the last good model serve."
            )
        notes = []
        if chosen.state == "tainted":
            notes.append("It was trained on an arrival that was excluded since; a clean one has not passed yet.")
        served = ledger.promotions(chosen.id)
        promoted = served[-1].time if served else ""  # one that has never served
        pointer = {**model_pointer(chosen, promoted, is_pinned=False), "path": _MODEL, "copy": _MODEL, "former": None}
        _check_empty(folder, ledger)
        free_space_check(folder.parent, chosen.size, "The export")
        is_new = not folder.exists()
        try:
            with project_errors(folder, "The export cannot be written"):
                with atomic_file(folder / _MODEL) as draft:
                    shutil.copyfile(object_path(project, "models", chosen.id), draft)
                # Last: without it nothing serves from the folder.
                write_pointer(folder, {**pointer, "exported": now()})
                files = {one.name: one.stat().st_size for one in sorted(folder.iterdir())}
        except BaseException:
            (folder / _MODEL).unlink(missing_ok=True)
            if is_new and folder.exists():
                folder.rmdir()
            raise
    return Exported(str(folder), chosen.id, chosen.round, chosen.strategy, files, tuple(notes))


def _check_empty(folder: Path, ledger: Ledger) -> None:
    """Raise unless a folder is new, or holds at most what an export has left that was killed."""
    if not folder.exists():
        return
    left = {Path(name).with_suffix(".part").name for name in (_MODEL, POINTER)}
    held = {one.name for one in folder.iterdir()} - left
    if held == {_MODEL} and ledger.model(file_digest(folder / _MODEL)) is not None:
        return
    if held:
        raise InputError(f"folder must be new or empty, but {shown(folder)} holds files; choose another one.")
