"""Models of a project as files: tensors in safetensors format, and a manifest of plain values beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from warmstart.basics import InputError, StorageError, derived_seed, shown
from warmstart.learners import Learner, TensorLearner, TrialLearner, adapted
from warmstart.specs import LEARNER, MODEL, from_table, to_table
from warmstart.store import load_round_state, pack_model, save_round_state, unpacked_state, version
from warmstart.training import NamedState, TensorData
from warmstart.trial import RoundState

MANIFEST_FORMAT = 1
# Given with the model's own table: what else a built-in learner has decides how it trains, not what its model is.
_OF_TRAINING = ("architecture", "recipe", "stop", "penalty", "carry_over")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model of a project, ready to be scored, served, or continued from.

    Args:
        model: On the CPU.
        manifest: What it is, as plain values: see :func:`manifest_of`.
        optimizer: State of its optimizer by the names of parameters, where that is kept.
    """

    model: nn.Module
    manifest: Mapping[str, Any]
    optimizer: NamedState | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that it has outputs for; empty for values."""
        return tuple(self.manifest["classes"])


def manifest_of(learner: Learner | TrialLearner, tables: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """Return all that a model's file needs to be read without its project's settings, fit for JSON.

    Args:
        learner: Trained the model.
        tables: Of the project's settings: how its data are read.
        values: ``strategy``, ``seed``, ``round``, ``classes``, ``input_shape`` and ``target_shape`` of a row,
            ``input_type`` of the arrays, ``features``, ``preparation``, ``metric``.

    Raises:
        InputError: If a learner of the user's own cannot be found by a name.
    """
    is_built_in = isinstance(learner, TensorLearner)
    own = learner if is_built_in else getattr(learner, "learner", learner)
    table = {
        name: value for name, value in to_table(LEARNER, own).items() if name not in _OF_TRAINING or not is_built_in
    }
    return {
        "format": MANIFEST_FORMAT,
        "learner": table,
        "model": to_table(MODEL, learner.architecture) if isinstance(learner, TensorLearner) else None,
        "tables": dict(tables),
        "versions": {"warmstart": version(), "torch": torch.__version__},
        **values,
    }


def content_digest(model: nn.Module, preparation: Mapping[str, Any] | None) -> str:
    """Return a digest of all that decides what a model predicts; its file's digest also tells rounds and arms apart."""
    tensors, rest = pack_model(model)
    found = hashlib.sha256(json.dumps([rest, preparation], sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        data = value.detach().cpu().contiguous()
        found.update(f"{name} {data.dtype} {tuple(data.shape)} ".encode())
        found.update(data.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def learner_of(manifest: Mapping[str, Any]) -> TrialLearner:
    """Return the learner of a model: it builds and evaluates; how it trains is not part of a manifest."""
    learner = from_table(LEARNER, manifest["learner"], key="learner")
    if isinstance(learner, TensorLearner):
        return replace(learner, architecture=from_table(MODEL, manifest["model"], key="model"))
    return adapted(learner)


def fresh_model(learner: TrialLearner, manifest: Mapping[str, Any]) -> nn.Module:
    """Return a model of the shape that a manifest describes, freshly initialised on the CPU."""
    classes, kind = len(manifest["classes"]), getattr(torch, manifest["input_type"])
    labels = torch.zeros(2, dtype=torch.long) if classes else torch.zeros(2, *manifest["target_shape"])
    inputs = torch.zeros(2, *manifest["input_shape"], dtype=kind)
    return learner.build(TensorData(inputs, labels).of_classes(classes), derived_seed(manifest["seed"], "fresh", 1))


def save_model(loaded: LoadedModel, path: Path, learner: TrialLearner) -> str:
    """Write a model, and the state of its optimizer where it is kept, by write-and-rename.

    Args:
        loaded: The model.
        path: Of the file; an existing one is replaced atomically.
        learner: Builds the model anew, to find state that no file can hold.

    Returns:
        The SHA-256 of the file, in hexadecimal digits; equal for equal models of one round and one strategy.

    Raises:
        InputError: If the model keeps state that no file can hold.
        StorageError: If the disk is full or the folder cannot be written.
    """
    if lost := unpacked_state(loaded.model, lambda: fresh_model(learner, loaded.manifest)):
        raise InputError(
            f"The model keeps state outside of its state_dict that no file can hold, {lost[0]}; make it a buffer, a "
            "plain number or a text, or return it from get_extra_state."
        )
    # Not at the path itself: the draft there would have the name that drafts of a project have.
    whole = path.with_name(f"{path.name}.safetensors")
    # With the strategy, since two of a round may give the same weights: a ledger must tell them apart.
    state = RoundState(loaded.manifest["round"], loaded.model, loaded.optimizer)
    digest = save_round_state(state, whole, name=loaded.manifest["strategy"])
    try:
        whole.replace(path)
    except OSError as error:
        whole.unlink(missing_ok=True)
        raise StorageError(f"The model cannot be stored at {shown(path)} ({error.strerror}).") from error
    return digest


def load_model(
    path: Path, manifest: Mapping[str, Any], *, digest: str | None = None, learner: TrialLearner | None = None
) -> LoadedModel:
    """Read what :func:`save_model` wrote.

    Args:
        path: Of the file.
        manifest: Of the model.
        digest: As :func:`save_model` returned it; None: the content is not compared.
        learner: Builds the model; None: that of the manifest.

    Raises:
        InputError: If the manifest is of a later version, or the learner builds another model than was stored.
        StorageError: If the file is missing, damaged, or another one than was stored.
    """
    if manifest.get("format") != MANIFEST_FORMAT:
        raise InputError(
            f"The model {shown(path)} was stored by another version of warmstart (format {manifest.get('format')}; "
            f"this one reads {MANIFEST_FORMAT}): install that version, or train a new model."
        )
    way_out = "restore it from a backup, or serve an earlier model with `warmstart retrain rollback`"
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest() if digest is not None else None
    except OSError as error:
        raise StorageError(f"The model {shown(path)} cannot be read ({error.strerror}); {way_out}.") from error
    if found != digest:
        raise StorageError(f"The model {shown(path)} is damaged: its digest is not the one that was stored; {way_out}.")
    fresh = fresh_model(learner_of(manifest) if learner is None else learner, manifest)
    try:
        state = load_round_state(path, [fresh])
    except InputError as error:
        if digest is not None:  # what was stored is intact: it is the code that builds another model
            raise InputError(
                f"The model {shown(path)} does not fit what the learner builds now; put the learner and the model of "
                "the project back to what they were, or train a new one with a cold start."
            ) from error
        raise StorageError(f"The model {shown(path)} is damaged, or fits another learner; {way_out}.") from error
    assert state.model is not None, "a file holds a model"
    return LoadedModel(state.model, manifest, state.optimizer)
