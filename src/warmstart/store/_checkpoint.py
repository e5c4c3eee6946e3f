"""Checkpoints: what a round passes to the next one, as a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from warmstart.basics import InputError
from warmstart.trial import RoundState

from ._model_state import pack_model, stored_state, unpack_model_, unpacked_state
from ._storage import atomic_file

_OPTIMIZER = "optimizer/"
_SEEN = "seen"
_REST = "state"
"""Of the metadata: what is no tensor, as JSON."""


def save_round_state(
    round_state: RoundState, path: Path, *, build: Callable[[], nn.Module] | None = None, name: str | None = None
) -> str:
    """Write the model, and the optimizer's state where it is kept, by write-and-rename.

    Args:
        round_state: With a model.
        path: Of the file, in safetensors format; its folder is made. An existing file is replaced atomically.
        build: Returns the model as it was built, to find state that the file cannot hold; None: it is not looked for.
        name: Written into the file, so that equal states of different names have different digests.

    Returns:
        The SHA-256 of the file, in hexadecimal digits.

    Raises:
        InputError: If the model's ``state_dict`` holds what the file cannot.
        StorageError: If the disk is full or the folder cannot be written; what was at ``path`` is still there.
    """
    assert round_state.model is not None, "there is nothing to save before a first good round"
    tensors, rest = pack_model(round_state.model)
    # Refused when it is read, not here: a trial that is never interrupted needs no checkpoint.
    rest["unstored"] = [] if build is None else unpacked_state(round_state.model, build)
    groups = None
    if round_state.optimizer is not None:
        # Tensors by name, and the rest as JSON can hold it: the format has no nested dictionaries.
        groups = {**{key: value for key, value in round_state.optimizer.items() if key != "state"}, "rest": {}}
        for index, entries in round_state.optimizer["state"].items():
            for key, value in entries.items():
                if isinstance(value, torch.Tensor):
                    tensors[f"{_OPTIMIZER}{index}/{key}"] = value
                else:
                    groups["rest"].setdefault(str(index), {})[key] = value
    if round_state.seen is not None:
        tensors[_SEEN] = round_state.seen
    # The format knows no tied tensors: each alias is written out, from memory of its own.
    written = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()
    }
    # One entry: the format writes several in random order, and equal states must have equal digests.
    about = {"round": round_state.round, "optimizer": groups, "model": rest}
    metadata = {_REST: json.dumps(about if name is None else {**about, "name": name})}
    with atomic_file(path) as draft:
        save_file(written, draft, metadata)
        # Read back rather than hashed on the way: no second copy of a large model in memory.
        return _file_digest(draft)


def load_round_state(path: Path, fresh: Sequence[nn.Module], *, digest: str | None = None) -> RoundState:
    """Read what :func:`save_round_state` wrote.

    Args:
        path: Of the file.
        fresh: Models, one of which has the same shape; the first that fits takes the stored parameters and buffers, and
            is returned in the result.
        digest: As :func:`save_round_state` returned it; None: the content is not compared.

    Raises:
        InputError: If the file is missing or damaged, holds another model, or one with state that could not be stored.
    """
    try:
        # Before anything of it is used: a changed bit of a weight, or a NaN, would pass for a result of training.
        if digest is not None and _file_digest(path) != digest:
            raise ValueError("its digest is not the one that was stored")
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            metadata = json.loads(file.metadata()[_REST])
        rest, groups = metadata["model"], metadata["optimizer"]
        shapes = _shapes(stored_state(tensors))
        # Where none fits, loading into any says what is wrong.
        model = next((model for model in fresh if _shapes(model.state_dict()) == shapes), fresh[0])
        unpack_model_(model, tensors, rest)
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"The checkpoint {path} cannot be read ({reason}); restore it from a copy, or delete it to "
            "train this trial again."
        ) from error
    if rest["unstored"]:
        raise InputError(
            f"The trial cannot be resumed bit for bit from {path}: the model keeps state outside of its state_dict "
            f"that cannot be stored, {rest['unstored'][0]}; make it a buffer or a plain number, or run the study again "
            "in another directory."
        )
    optimizer = None
    if groups is not None:
        state: dict[int, dict[str, Any]] = {int(index): dict(entries) for index, entries in groups.pop("rest").items()}
        for name, value in tensors.items():
            if name.startswith(_OPTIMIZER):
                index, key = name.removeprefix(_OPTIMIZER).split("/", 1)
                state.setdefault(int(index), {})[key] = value
        optimizer = {"state": state, **groups}
    return RoundState(metadata["round"], model, optimizer, tensors.get(_SEEN))


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shapes(state: Mapping[str, Any]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in state.items() if isinstance(value, torch.Tensor)}
