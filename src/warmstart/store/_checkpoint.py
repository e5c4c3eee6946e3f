"""What a round carries on, as a file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from warmstart.basics import InputError
from warmstart.trial import RoundState

from ._model_state import pack_model, unpack_model_, unpacked_state
from ._storage import storage_errors

_MODEL = "model/"
_OPTIMIZER = "optimizer/"
_SEEN = "seen"


def save_round_state(round_state: RoundState, path: Path, *, build: Callable[[], nn.Module] | None = None) -> None:
    """Write the model, and the optimizer's state where it is kept, by write-and-rename.

    Args:
        round_state: With a model.
        path: Of the file, in safetensors format; its folder is made. An existing file is replaced atomically.
        build: Returns the model as it was built, to find state that the file cannot hold; None: it is not looked for.

    Raises:
        InputError: If the model's ``state_dict`` holds what the file cannot.
        StorageError: If the disk is full or the folder cannot be written.
    """
    assert round_state.model is not None, "there is nothing to save before a first good round"
    tensors, rest = pack_model(round_state.model)
    rest["unstored"] = [] if build is None else unpacked_state(round_state.model, build)
    state, groups = _flat_optimizer(round_state.optimizer)
    if round_state.seen is not None:
        state[_SEEN] = round_state.seen
    metadata = {"round": str(round_state.round), "optimizer": json.dumps(groups), "model": json.dumps(rest)}
    with _drafted(path) as draft:
        save_file({name: _own(value) for name, value in {**tensors, **state}.items()}, draft, metadata)


def copy_whole(path: Path, other: Path) -> None:
    """Copy a checkpoint, by write-and-rename; the folder is there."""
    draft = other.with_suffix(".part")
    shutil.copyfile(path, draft)
    _put(draft, other)


@contextmanager
def _drafted(path: Path) -> Iterator[Path]:
    """Make the folder, and give what is written within the context its name when all of it has reached the disk."""
    draft = path.with_suffix(".part")
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        _put(draft, path)


def save_content(content: bytes, path: Path) -> None:
    """Write a checkpoint that :func:`save_round_state` wrote on another machine, atomically; its folder is made.

    Args:
        content: Of the file there.
        path: Of the file here.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    with _drafted(path) as draft:
        draft.write_bytes(content)


def _put(draft: Path, path: Path) -> None:
    """Give a written file its name when it has reached the disk."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    settle(path.parent)


def settle(folder: Path) -> None:
    """Wait until new names have reached the disk, so that no stored round names a file that a power failure undid."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy that shares no memory: the format knows no tied tensors, so each alias is written out."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _flat_optimizer(optimizer: dict[str, Any] | None) -> tuple[dict[str, torch.Tensor], Any]:
    """Split an optimizer's state into named tensors and the rest, which JSON can hold."""
    if optimizer is None:
        return {}, None
    tensors: dict[str, torch.Tensor] = {}
    rest: dict[str, dict[str, Any]] = {}
    for index, entries in optimizer["state"].items():
        for key, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{_OPTIMIZER}{index}/{key}"] = value
            else:
                rest.setdefault(str(index), {})[key] = value
    return tensors, {**{key: value for key, value in optimizer.items() if key != "state"}, "rest": rest}


def load_round_state(path: Path, fresh: Sequence[nn.Module]) -> RoundState:
    """Read what :func:`save_round_state` wrote.

    Args:
        path: Of the file.
        fresh: Models, one of which has the same shape; the first that fits takes the stored parameters and buffers, and
            is returned in the result.

    Raises:
        InputError: If the file is missing or damaged, holds another model, or one with state that could not be stored.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            metadata = file.metadata()
        rest = json.loads(metadata.get("model", "null"))
        model = _filled(fresh, tensors, rest)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"The checkpoint {path} cannot be read ({reason}); without it the trial cannot go on."
        ) from error
    if rest and rest["unstored"]:
        raise InputError(
            f"The trial cannot be resumed bit for bit from {path}: the model keeps state outside of its state_dict "
            f"that cannot be stored, {rest['unstored'][0]}; make it a buffer or a plain number, or run the study anew "
            "in another directory."
        )
    optimizer = _nested_optimizer(tensors, json.loads(metadata["optimizer"]))
    return RoundState(int(metadata["round"]), model, optimizer, tensors.get(_SEEN))


def _filled(fresh: Sequence[nn.Module], tensors: dict[str, torch.Tensor], rest: dict[str, Any] | None) -> nn.Module:
    state = {k.removeprefix(_MODEL): v for k, v in tensors.items() if k.startswith(_MODEL) and "\x1f" not in k}
    fits = (model for model in fresh if _shapes(model.state_dict()) == _shapes(state))
    model = next(fits, fresh[0])  # where none fits, loading says what is wrong
    if rest is None:  # written by version 0.1
        model.load_state_dict(state)
    else:
        unpack_model_(model, tensors, rest)
    return model


def _shapes(state: Mapping[str, Any]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in state.items() if isinstance(value, torch.Tensor)}


def _nested_optimizer(tensors: dict[str, torch.Tensor], groups: Any) -> dict[str, Any] | None:
    if groups is None:
        return None
    state: dict[int, dict[str, Any]] = {int(index): dict(entries) for index, entries in groups["rest"].items()}
    for name, value in tensors.items():
        if name.startswith(_OPTIMIZER):
            index, key = name.removeprefix(_OPTIMIZER).split("/", 1)
            state.setdefault(int(index), {})[key] = value
    return {"state": state, **{key: value for key, value in groups.items() if key != "rest"}}
