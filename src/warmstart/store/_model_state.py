"""All that a model computes with, as tensors and plain values: more than its ``state_dict``."""

from __future__ import annotations

import hashlib
import io
import pickle
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from warmstart.basics import InputError, memory_key, sharing_memory, tensors_of

_STATE, _BUFFER, _ATTRIBUTE = "model/", "buffer/", "attribute/"
_SEPARATOR = "\x1f"
"""Between the name of what holds a tensor and the tensor's number there; no name of a module or attribute has it."""
_STANDARD = frozenset(vars(nn.Module()))
"""Attributes that every module has; all others are the user's."""
_FUNCTIONS = (type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


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
    state, registered = model.state_dict(), tensors_of(model)
    for name, value in state.items():
        if isinstance(value, torch.Tensor):
            tensors[_STATE + name] = value
            continue
        try:
            extra[name] = _Encoding(tensors, {}).encoded(value, _STATE + name)
        except _NotPlainError:
            raise InputError(
                f"The model's state must be tensors or plain values to be stored, but {name} is not."
            ) from None
    tensors |= {_BUFFER + name: value for name, value in model.named_buffers() if name not in state}
    attributes: dict[str, dict[str, Any]] = {}
    encoding = _Encoding(tensors, registered)
    for path, key, value in _attributes(model):
        try:
            attributes.setdefault(path, {})[key] = encoding.encoded(value, f"{_ATTRIBUTE}{path}/{key}")
        except _NotPlainError:
            # Most are no state, such as a function or a name; `unpacked_state` finds those that training has changed.
            continue
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
    encoding = _Encoding({}, tensors_of(model))
    for path, key, value in _attributes(model):
        try:
            encoding.encoded(value, "")
        except _NotPlainError:
            candidates[path, key] = value
    # Building can take longer than a round of a small model, so only where it must be.
    if not candidates:
        return []
    built = build()
    before = {(path, key): value for path, key, value in _attributes(built)}
    return [
        f"{path + '.' if path else ''}{key} ({type(value).__name__})"
        for (path, key), value in candidates.items()
        if _digest(value, model) != _digest(before.get((path, key)), built)
    ]


def stored_state(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of the ``state_dict`` among those that :func:`pack_model` returned, by their names there."""
    return {
        name.removeprefix(_STATE): value
        for name, value in tensors.items()
        # An extra state has tensors under names of the same prefix.
        if name.startswith(_STATE) and _SEPARATOR not in name
    }


def unpack_model_(model: nn.Module, tensors: dict[str, torch.Tensor], rest: dict[str, Any]) -> None:
    """Give a freshly built model the state that :func:`pack_model` returned.

    Raises:
        RuntimeError: If the state is that of another model.
    """
    extra = {name: _decoded(value, tensors, {}, {}) for name, value in rest["extra"].items()}
    model.load_state_dict({**stored_state(tensors), **extra})
    registered = tensors_of(model)
    with torch.no_grad():
        for name, value in tensors.items():
            if name.startswith(_BUFFER):
                registered[name.removeprefix(_BUFFER)].copy_(value)
    # One for all modules: a list or dictionary that two of them share must be shared again.
    made: dict[int, Any] = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(rest["requires_grad"][name])
    for name, module in model.named_modules():
        module.training = rest["training"][name]
        stored = rest["attributes"].get(name, {})
        vars(module).update({key: _decoded(value, tensors, registered, made) for key, value in stored.items()})
    if rest["shared"] != _names_sharing_memory(model):
        raise RuntimeError("other weights share memory in it")


def _attributes(model: nn.Module) -> Iterator[tuple[str, str, Any]]:
    """Yield path, name and value of the plain attributes of every module."""
    for path, module in model.named_modules():
        # What compilers and tracers hold in attributes is no state of the model.
        if isinstance(module, torch.jit.ScriptModule | torch.fx.GraphModule) or hasattr(module, "_orig_mod"):
            continue
        for key, value in vars(module).items():
            if key not in _STANDARD and not isinstance(value, (nn.Module, *_FUNCTIONS)):
                yield path, key, value


def _names_sharing_memory(model: nn.Module) -> list[list[str]]:
    tensors = tensors_of(model)
    groups = [{id(tensor) for tensor in group} for group in sharing_memory(tensors.values())]
    together = {member: index for index, group in enumerate(groups) for member in group}
    names: dict[object, list[str]] = {}
    for name, tensor in tensors.items():
        names.setdefault(together.get(id(tensor), ("alone", id(tensor))), []).append(name)
    return sorted(sorted(group) for group in names.values() if len(group) > 1)


class _Encoding:
    """Turns the values of one model into what JSON can hold.

    Args:
        tensors: Takes every tensor in a value under a name of its own.
        registered: Parameters and buffers; values that are these, or views of these, are stored as such.
    """

    def __init__(self, tensors: dict[str, torch.Tensor], registered: Mapping[str, torch.Tensor]) -> None:
        self._tensors = tensors
        # Numbers of the lists and dictionaries met so far, by their ids: modules may share one.
        self._met: dict[int, int] = {}
        self._names = {id(tensor): name for name, tensor in registered.items()}
        self._owners = {memory_key(tensor): name for name, tensor in registered.items()}

    def encoded(self, value: Any, place: str) -> Any:
        """Return a value as JSON can hold it; the names of tensors in it begin with ``place``."""
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, torch.Tensor):
            if id(value) in self._names:
                return {"registered": self._names[id(value)]}
            if type(value) not in (torch.Tensor, nn.Parameter) or value.layout is not torch.strided or value.is_meta:
                raise _NotPlainError
            # Stored as a view, not as values: after resuming, an update of the weight must still change it.
            if (key := memory_key(value)) is not None and key in self._owners:
                return {"view": [self._owners[key], list(value.shape), list(value.stride()), value.storage_offset()]}
            name = f"{place}{_SEPARATOR}{len(self._tensors)}"
            self._tensors[name] = value.detach()
            return {"tensor": [name, value.requires_grad and value.is_leaf, isinstance(value, nn.Parameter)]}
        if type(value) is tuple:
            return {"tuple": [self.encoded(part, place) for part in value]}
        if type(value) not in (list, dict):
            raise _NotPlainError
        if id(value) in self._met:
            return {"same": self._met[id(value)]}
        number = self._met[id(value)] = len(self._met)
        if type(value) is list:
            return {"list": [number, [self.encoded(part, place) for part in value]]}
        return {"dict": [number, [[self.encoded(part, place) for part in item] for item in value.items()]]}


def _decoded(
    value: Any, tensors: Mapping[str, torch.Tensor], registered: Mapping[str, torch.Tensor], made: dict[int, Any]
) -> Any:
    """Return the value that :class:`_Encoding` has encoded; ``made`` holds the lists and dictionaries so far."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "registered":
        return registered[content]
    if kind == "view":
        return registered[content[0]].data.as_strided(*content[1:])
    if kind == "tensor":
        name, requires_grad, is_parameter = content
        # A list of parameters that no module has registered stays one: an optimizer may hold them.
        if is_parameter:
            return nn.Parameter(tensors[name], requires_grad)
        return tensors[name].requires_grad_(requires_grad)
    if kind == "same":
        return made[content]
    if kind == "tuple":
        return tuple(_decoded(part, tensors, registered, made) for part in content)
    number, parts = content
    # Noted before their parts are decoded: a list or dictionary may hold itself.
    if kind == "list":
        made[number] = found = []
        found.extend(_decoded(part, tensors, registered, made) for part in parts)
        return found
    entries = made[number] = {}
    for item in parts:
        key, part = (_decoded(each, tensors, registered, made) for each in item)
        entries[key] = part
    return entries


class _Pickler(pickle.Pickler):
    """Pickles what an object is made of; of what cannot be pickled, a digest of its content.

    Modules, parameters and buffers of the model itself, and functions, are left out: they are no further state.
    """

    def __init__(self, file: io.BytesIO, own: set[int]) -> None:
        super().__init__(file)
        self._own = own

    def persistent_id(self, obj: Any) -> str | None:
        """Return what stands for an object; None: it is pickled."""
        if id(obj) in self._own or isinstance(obj, _FUNCTIONS):
            return str(type(obj))
        if isinstance(obj, torch.Generator):
            return _digest_of_tensors([obj.get_state()])
        if isinstance(obj, torch.Tensor):
            return _digest_of_tensors([obj])
        if isinstance(obj, nn.Module):
            return _digest_of_tensors(list(tensors_of(obj).values()))
        return None


def _digest_of_tensors(tensors: list[torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        if not tensor.is_meta:
            # As bytes: NaN is equal to itself then, and every dtype has them.
            plain = tensor.detach().cpu()
            plain = plain.to_dense() if plain.layout is not torch.strided else plain.contiguous()
            digest.update(plain.flatten().view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
    return digest.hexdigest()


def _digest(value: Any, model: nn.Module, depth: int = 5) -> str:
    """Return a digest of a value's content; of one that cannot be pickled, of what it holds."""
    own = {id(part) for part in (*model.modules(), *tensors_of(model).values())}
    written = io.BytesIO()
    try:
        _Pickler(written, own).dump(value)
    except Exception:  # a user's class may raise anything when it is pickled
        held = getattr(value, "__dict__", None)
        parts = held.items() if isinstance(held, dict) and depth else ()
        return str([type(value), *((key, _digest(part, model, depth - 1)) for key, part in parts)])
    return hashlib.sha256(written.getvalue()).hexdigest()
