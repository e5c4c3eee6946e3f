"""Copies of a model that compute with their own parameters alone."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._errors import InputError
from ._memory import retie_

if TYPE_CHECKING:
    from torch import Tensor, nn


def copy_model(model: nn.Module) -> nn.Module:
    """Return a deep copy of a model that computes with its own parameters and buffers alone.

    Beyond ``copy.deepcopy``:

    - Results of a forward pass that the model keeps, which PyTorch refuses to copy, are copied without their graph.
    - Tensors that share memory, by a view or an assignment to ``.data``, share it in the copy, too.
    - Functions that the model holds, such as a replaced ``forward`` or a hook, and that refer to modules or tensors of
      the model, refer to those of the copy.

    Raises:
        InputError: If the model cannot be copied, or a replaced method refers to the model by a global name, which
            the copy would share.

    Example:
        >>> from torch import nn
        >>> def patch(model):
        ...     layer = model[0]
        ...     model.forward = lambda inputs: layer(inputs)
        ...     return model
        >>> copied = copy_model(patch(nn.Sequential(nn.Linear(2, 2))))
        >>> copied.forward.__closure__[0].cell_contents is copied[0]
        True
    """
    memo: dict[int, Any] = {id(tensor): tensor.detach().clone() for tensor in _results_of_passes(model)}
    try:
        copied = copy.deepcopy(model, memo)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"model must be one that copy.deepcopy can copy, got {type(model).__name__}, which fails with "
            f"{type(error).__name__}: {_first_line(error)}"
        ) from error
    retie_(copied, model)
    originals = {id(module): name for name, module in model.named_modules()}
    originals |= {id(tensor): name for name, tensor in model.named_parameters()}
    originals |= {id(tensor): name for name, tensor in model.named_buffers()}
    # Left to deepcopy, functions are shared between original and copy, whatever they refer to.
    moved = {key: memo[key] for key in originals if key in memo}
    for module in copied.modules():
        for holder, key, function in _functions_in(vars(module)):
            if isinstance(function, types.FunctionType) and holder is vars(module) and hasattr(type(module), key):
                _check_globals(function, originals)
            holder[key] = _rebound(function, moved, {})
    return copied


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else "no message"


def _results_of_passes(model: nn.Module) -> Iterator[Tensor]:
    """Yield the tensors with a graph, or of a functional transform, that modules hold as attributes."""
    import torch
    from torch._C._functorch import is_functorch_wrapped_tensor

    met: set[int] = set()
    waiting: list[Any] = [vars(module) for module in model.modules()]
    while waiting:
        value = waiting.pop()
        if id(value) in met or isinstance(value, torch.nn.Module | type | types.ModuleType | types.FunctionType):
            continue
        met.add(id(value))
        if isinstance(value, torch.Tensor):
            if not value.is_leaf or is_functorch_wrapped_tensor(value):
                yield value
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            waiting.extend(value)
        elif hasattr(value, "__dict__"):
            waiting.append(vars(value))


def _functions_in(holder: dict[Any, Any]) -> Iterator[tuple[dict[Any, Any] | list[Any], Any, Any]]:
    """Yield the functions in a module's attributes, and in their dictionaries and lists, with where they are held."""
    for key, value in list(holder.items()):
        if isinstance(value, types.FunctionType | functools.partial):
            yield holder, key, value
        elif isinstance(value, dict) and key not in ("_modules", "_parameters", "_buffers"):
            yield from _functions_in(value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, types.FunctionType | functools.partial):
                    yield value, index, item


def _rebound(value: Any, moved: dict[int, Any], met: dict[int, Any]) -> Any:
    """Return a value with every module and tensor of the original replaced by that of the copy.

    The very same value where there is nothing to replace: a list that a hook appends to stays the user's list.
    """
    if id(value) in moved:
        return moved[id(value)]
    if id(value) in met:
        return met[id(value)]
    met[id(value)] = value
    if isinstance(value, types.FunctionType):
        met[id(value)] = _rebound_function(value, moved, met)
    elif isinstance(value, types.MethodType):
        owner = _rebound(value.__self__, moved, met)
        met[id(value)] = value if owner is value.__self__ else types.MethodType(value.__func__, owner)
    elif isinstance(value, functools.partial):
        parts = (value.func, *value.args, *value.keywords.values())
        function, *rest = (_rebound(part, moved, met) for part in parts)
        if any(new is not old for new, old in zip((function, *rest), parts, strict=True)):
            arguments, keywords = rest[: len(value.args)], rest[len(value.args) :]
            met[id(value)] = functools.partial(function, *arguments, **dict(zip(value.keywords, keywords, strict=True)))
    elif type(value) in (list, tuple):
        parts = [_rebound(part, moved, met) for part in value]
        if any(new is not old for new, old in zip(parts, value, strict=True)):
            met[id(value)] = type(value)(parts)
    elif type(value) is dict:
        parts = {key: _rebound(part, moved, met) for key, part in value.items()}
        if any(parts[key] is not part for key, part in value.items()):
            met[id(value)] = parts
    return met[id(value)]


def _rebound_function(function: types.FunctionType, moved: dict[int, Any], met: dict[int, Any]) -> types.FunctionType:
    cells = function.__closure__ or ()
    new_cells = tuple(_rebound_cell(cell, moved, met) for cell in cells)
    defaults = _rebound(function.__defaults__, moved, met)
    keyword_defaults = _rebound(function.__kwdefaults__, moved, met)
    is_same = all(new is old for new, old in zip(new_cells, cells, strict=True))
    if is_same and defaults is function.__defaults__ and keyword_defaults is function.__kwdefaults__:
        return function
    rebound = types.FunctionType(function.__code__, function.__globals__, function.__name__, defaults, new_cells)
    rebound.__kwdefaults__ = keyword_defaults
    functools.update_wrapper(rebound, function)
    return rebound


def _rebound_cell(cell: types.CellType, moved: dict[int, Any], met: dict[int, Any]) -> types.CellType:
    try:
        content = cell.cell_contents
    except ValueError:  # not assigned yet
        return cell
    new = _rebound(content, moved, met)
    return cell if new is content else types.CellType(new)


def _check_globals(function: types.FunctionType, originals: dict[int, str]) -> None:
    """Raise if a function of a module refers to a part of the model by a global name, which cannot be replaced."""
    for name in function.__code__.co_names:
        if id(function.__globals__.get(name)) in originals:
            raise InputError(
                f"model must hold what it computes with, but its '{function.__name__}' refers to the model by the "
                f"global name '{name}', so that a copy would compute with the original's parameters: use self, or "
                "close over a local name."
            )
