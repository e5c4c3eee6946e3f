"""All that a model computes with, as tensors and plain values: more than its ``state_dict``."""

from __future__ import annotations

import hashlib
import io
import pickle
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from warmstart.basics import InputError, sharing_memory, tensors_of

_STATE, _BUFFER, _ATTRIBUTE = "model/", "buffer/", "attribute/"
_STANDARD = frozenset(vars(nn.Module()))
"""Attributes that every module has; all others are the user's."""
_SKIPPED = (nn.Module, type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


class _NotPlainError(Exception):
    """A value that neither tensors nor JSON can hold."""


def pack_model(model: nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return a model's state as tensors by name, and the rest of it as JSON can hold it.

    The tensors are those of the ``state_dict``, buffers that are not part of it, and tensors that modules hold as plain
    attributes; the rest is what is frozen, the modes, which names share memory, and plain attributes: numbers, texts,
    and lists, tuples and dictionaries of these and of tensors, such as counters kept in Python.

    Raises:
        InputError: If the ``state_dict`` holds, as an extra state, something else than tensors and plain values.
    """
    tensors: dict[str, torch.Tensor] = {}
    extra: dict[str, Any] = {}
    state = model.state_dict()
    for name, value in state.items():
        if isinstance(value, torch.Tensor):
            tensors[_STATE + name] = value
            continue
        try:
            extra[name] = _encoded(value, tensors, _STATE + name)
        except _NotPlainError:
            raise InputError(
                f"The model's state must be tensors or plain values to be stored, but {name} is not."
            ) from None
    tensors |= {_BUFFER + name: value for name, value in model.named_buffers() if name not in state}
    attributes: dict[str, dict[str, Any]] = {}
    for path, key, value in _attributes(model):
        try:
            attributes.setdefault(path, {})[key] = _encoded(value, tensors, f"{_ATTRIBUTE}{path}/{key}")
        except _NotPlainError:
            continue  # found by unpacked_state
    return tensors, {
        "extra": extra,
        "attributes": attributes,
        "requires_grad": {name: parameter.requires_grad for name, parameter in model.named_parameters()},
        "training": {name: module.training for name, module in model.named_modules()},
        "shared": _names_sharing_memory(model),
    }


def unpacked_state(model: nn.Module, build: Callable[[], nn.Module]) -> list[str]:
    """Return what a model holds besides what :func:`pack_model` stores and that has changed since it was built.

    Args:
        model: After training.
        build: Returns the same model as it was built, in this process; only called where there is such state.

    Returns:
        Each as ``path.attribute (type)``.
    """
    candidates: dict[tuple[str, str], Any] = {}
    for path, key, value in _attributes(model):
        try:
            _encoded(value, {}, "")
        except _NotPlainError:
            candidates[path, key] = value
    if not candidates:
        return []
    before = {(path, key): value for path, key, value in _attributes(build())}
    return [
        f"{path + '.' if path else ''}{key} ({type(value).__name__})"
        for (path, key), value in candidates.items()
        if _digest(value) != _digest(before.get((path, key)))
    ]


def unpack_model_(model: nn.Module, tensors: dict[str, torch.Tensor], rest: dict[str, Any]) -> None:
    """Give a freshly built model the state that :func:`pack_model` returned.

    Raises:
        RuntimeError: If the state is that of another model.
    """
    state = {name.removeprefix(_STATE): value for name, value in tensors.items() if name.startswith(_STATE)}
    extra = {name: _decoded(value, tensors) for name, value in rest["extra"].items()}
    for name in [name for name in state if "\x1f" in name]:
        del state[name]  # tensors within an extra state
    model.load_state_dict({**state, **extra})
    buffers = dict(model.named_buffers())
    with torch.no_grad():
        for name, value in tensors.items():
            if name.startswith(_BUFFER):
                buffers[name.removeprefix(_BUFFER)].copy_(value)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(rest["requires_grad"][name])
    for name, module in model.named_modules():
        module.training = rest["training"][name]
        stored = rest["attributes"].get(name, {})
        vars(module).update({key: _decoded(value, tensors) for key, value in stored.items()})
    if rest["shared"] != _names_sharing_memory(model):
        raise RuntimeError("other weights share memory in it")


def _attributes(model: nn.Module) -> Iterator[tuple[str, str, Any]]:
    """Yield path, name and value of the plain attributes of every module."""
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue
        for key, value in vars(module).items():
            if key not in _STANDARD and not isinstance(value, _SKIPPED):
                yield path, key, value


def _names_sharing_memory(model: nn.Module) -> list[list[str]]:
    tensors = tensors_of(model)
    groups = [{id(tensor) for tensor in group} for group in sharing_memory(tensors.values())]
    together = {member: index for index, group in enumerate(groups) for member in group}
    names: dict[object, list[str]] = {}
    for name, tensor in tensors.items():
        names.setdefault(together.get(id(tensor), ("alone", id(tensor))), []).append(name)
    return sorted(sorted(group) for group in names.values() if len(group) > 1)


def _encoded(value: Any, tensors: dict[str, torch.Tensor], place: str) -> Any:
    """Return a value as JSON can hold it, with every tensor in it put under a name of its own into ``tensors``."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor):
        if type(value) not in (torch.Tensor, nn.Parameter) or value.layout is not torch.strided or value.is_meta:
            raise _NotPlainError
        name = f"{place}\x1f{len(tensors)}"
        tensors[name] = value.detach()
        return {"tensor": name}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_encoded(part, tensors, place) for part in value]}
    if type(value) is dict:
        return {"dict": [[_encoded(part, tensors, place) for part in item] for item in value.items()]}
    raise _NotPlainError


def _decoded(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {_decoded(key, tensors): _decoded(part, tensors) for key, part in content}
    parts = [_decoded(part, tensors) for part in content]
    return tuple(parts) if kind == "tuple" else parts


class _Pickler(pickle.Pickler):
    """Pickles what an object is made of, apart from modules, tensors and functions, which are not its state."""

    def persistent_id(self, obj: Any) -> str | None:
        """Return what stands for an object that is left out; None: it is pickled."""
        return str(type(obj)) if isinstance(obj, (torch.Tensor, *_SKIPPED)) else None


def _digest(value: Any) -> str:
    """Return a digest of a value's content; of one that cannot be pickled, of its type."""
    if isinstance(value, torch.Generator):
        return hashlib.sha256(value.get_state().numpy().tobytes()).hexdigest()
    written = io.BytesIO()
    try:
        _Pickler(written).dump(value)
    except Exception:
        return type(value).__name__
    return hashlib.sha256(written.getvalue()).hexdigest()
