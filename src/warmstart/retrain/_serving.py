"""The champion of a project, ready to serve: read from its pointer alone, never from the ledger."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from warmstart.basics import InputError, StorageError, checked_path, shown
from warmstart.data import FittedEncoding
from warmstart.learners import TensorLearner, TrialLearner
from warmstart.specs import data_from_table
from warmstart.studies import TrainedModel
from warmstart.training import TensorData, predict

from ._ledger import LEDGER, Ledger
from ._model_file import LoadedModel, learner_of, load_model
from ._objects import POINTER, object_path, read_pointer

_TRIES = 3  # a model that vanished between two readings was replaced; nobody replaces one many times in a second


@dataclass(frozen=True, eq=False, kw_only=True)
class Champion(TrainedModel):
    """The model that a project serves.

    Args:
        id: SHA-256 of its file.
        promoted: When it was promoted, as UTC ISO text.
        is_pinned: Whether it stays until it is unpinned, whatever is trained.
    """

    id: str
    promoted: str
    is_pinned: bool


def load_champion(directory: str | Path) -> Champion:
    """Return the model that a project serves, with :meth:`TrainedModel.read` and :meth:`TrainedModel.predict`.

    Only ``champion.json`` and the model's file are read, so it can be called from any process while another one
    updates the project: it returns the model before or the model after, never a mixture. Where the champion's file is
    damaged, the model before it is returned, with a warning that names it.

    Args:
        directory: Of the project.

    Raises:
        InputError: If there is no champion yet.
        StorageError: If its file is missing or damaged, and so is that of the model before it.
    """
    folder = checked_path("directory", directory)
    for attempt in range(1, _TRIES + 1):
        pointer = _read_pointer(folder)
        try:
            return _served(folder, pointer)
        except StorageError as error:
            # A later champion may have come in between, and this one's file be gone.
            if attempt < _TRIES and _read_pointer(folder) != pointer:
                continue
            former = pointer.get("former")
            if not isinstance(former, Mapping):
                raise
            found = _served(folder, former)
            warnings.warn(
                f"{error} Until then the model of round {found.round} serves ({found.id[:12]}).", stacklevel=2
            )
            return found
    raise AssertionError("the last attempt returns or raises")


def load_stored(directory: Path) -> Champion:
    """Return the model that a project's next round continues; see :meth:`Retrainer.latest`."""
    with Ledger.open(directory / LEDGER) as ledger:
        model = ledger.lineage()
    if model is None:
        raise InputError(
            f"directory must be a project with a model, got {shown(directory)}, which has none that could be continued."
        )
    learner = learner_of(model.manifest)
    loaded = load_model(object_path(directory, "models", model.id), model.manifest, digest=model.id, learner=learner)
    return as_champion(loaded, learner, {"id": model.id})


def _read_pointer(folder: Path) -> Mapping[str, Any]:
    pointer = read_pointer(folder)
    if pointer is None and not (folder / POINTER).exists():
        raise InputError(
            f"directory must be a project with a champion, got {shown(folder)}, which has none yet: add data with "
            "`warmstart retrain add`, then run `warmstart retrain update`."
        )
    if pointer is None or not {"id", "path", "manifest"} <= pointer.keys():
        raise StorageError(
            f"{shown(folder / POINTER)} is damaged; `warmstart retrain status {shown(folder)}` writes it anew from the "
            "ledger."
        )
    return pointer


def _served(folder: Path, pointer: Mapping[str, Any]) -> Champion:
    """Return the model that a pointer names: of its copies the first that is intact."""
    learner = learner_of(pointer["manifest"])
    places = [folder / pointer[name] for name in ("copy", "path") if name in pointer]
    for place in places[:-1]:
        try:
            found = load_model(place, pointer["manifest"], digest=pointer["id"], learner=learner)
            return as_champion(found, learner, pointer)
        except StorageError:
            continue  # the other copy says what is wrong, if it is damaged too
    loaded = load_model(places[-1], pointer["manifest"], digest=pointer["id"], learner=learner)
    return as_champion(loaded, learner, pointer)


def as_champion(loaded: LoadedModel, learner: TrialLearner, pointer: Mapping[str, Any]) -> Champion:
    """Return a loaded model ready to predict, with what the pointer says of it."""
    manifest = loaded.manifest
    preparation = dict(manifest["preparation"] or {})
    encoding = preparation.pop("encoding", None)
    return Champion(
        model=loaded.model.eval(),
        strategy=manifest["strategy"],
        seed=manifest["seed"],
        round=manifest["round"],
        classes=loaded.classes,
        input_shape=tuple(manifest["input_shape"]),
        input_type=manifest["input_type"],
        features=tuple(manifest["features"]),
        encoding=None if encoding is None else FittedEncoding.from_dict(encoding),
        scaling=preparation,
        source=data_from_table(manifest["tables"].get("data", {}), key="data"),
        outputs=_outputs_of(learner),
        id=pointer["id"],
        promoted=pointer.get("promoted", ""),
        is_pinned=bool(pointer.get("pinned", False)),
    )


def _outputs_of(learner: TrialLearner) -> Callable[[nn.Module, TensorData], torch.Tensor]:
    """Return what gives a model's outputs: for a learner of the user's own its method ``predict``, where it has one."""
    if isinstance(learner, TensorLearner):
        return predict
    own = getattr(learner, "learner", learner)
    if callable(found := getattr(own, "predict", None)):
        return lambda model, data: torch.as_tensor(found(model, data))

    def refused(model: nn.Module, data: TensorData) -> torch.Tensor:
        raise InputError(
            f"{type(own).__name__} must have a method predict(model, data) to serve, which returns logits or log "
            "probabilities of shape (n, classes), or values."
        )

    return refused
