"""Copies of a model that compute with their own parameters only."""

from __future__ import annotations

import collections
import copy
import dis
import functools
import types
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._errors import InputError
from ._memory import retie_

if TYPE_CHECKING:
    from torch import Tensor, nn


def copy_model(model: nn.Module) -> nn.Module:
    """Return a deep copy of a model that computes with its own parameters and buffers only.

    Beyond ``copy.deepcopy``:

    - Results of a forward pass that the model stores, which PyTorch refuses to copy, are copied without their graph.
    - Tensors that share memory, through a view or an assignment to ``.data``, share it in the copy, too.
    - Functions that the model holds, such as a replaced ``forward`` or a hook, and that refer to modules or tensors of
      the model, refer to those of the copy. Anything else that they refer to, such as a list that a hook fills, is
      shared with the original.

    Raises:
        InputError: If the model cannot be copied, or a function that it computes with refers to a part of it in a way
            that cannot be replaced, such as a global name.

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
    # deepcopy shares functions and weak references, and copies all that a partial refers to; rebound below instead.
    memo |= {id(held): held for module in model.modules() for _, _, held in _entries_to_rebind(vars(module))}
    try:
        copied = copy.deepcopy(model, memo)
    except InputError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else "no message"
        raise InputError(
            f"model must support copy.deepcopy, but {type(model).__name__} fails with {type(error).__name__}: {reason}"
        ) from error
    for parameter in copied.parameters():
        if not parameter.is_leaf:  # as in copied TorchScript modules
            parameter.detach_().requires_grad_()
    retie_(copied, model)
    # Held until the end, since an id may be given again to another object once its owner is gone.
    parts = [*model.modules(), *model.parameters(), *model.buffers()]
    originals = {id(part) for part in parts}
    rebinder = _Rebinder({part: memo[part] for part in originals if part in memo}, memo)
    for module in copied.modules():
        for holder, key, held in _entries_to_rebind(vars(module)):
            holder[key] = rebinder.rebind(held)
            _check_independent(holder[key], originals, f"its '{key}'")
        # A class is shared by both models, so its methods cannot be rebound. Those of PyTorch refer to no user's model.
        forward = getattr(type(module), "forward", None)
        if isinstance(forward, types.FunctionType) and not str(forward.__module__).startswith("torch."):
            _check_independent(forward, originals, f"the 'forward' of {type(module).__name__}")
    return copied


def _results_of_passes(model: nn.Module) -> Iterator[Tensor]:
    """Yield the tensors with a graph, or of a functional transform, that modules hold: deepcopy would refuse them."""
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
        else:
            waiting.extend(_referents(value))


def _referents(value: Any) -> list[Any]:
    """Return what a container, a function or an object refers to."""
    if isinstance(value, types.FunctionType):
        cells = [cell for cell in value.__closure__ or () if not _is_empty(cell)]
        contents = [cell.cell_contents for cell in cells]
        return [*contents, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *vars(value).values()]
    if isinstance(value, types.MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, weakref.ref):
        return [value()]
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset | collections.deque):
        return list(value)
    parts: list[Any] = []
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        # A single slot may be declared as a plain text.
        parts.extend(getattr(value, name, None) for name in ([slots] if isinstance(slots, str) else slots))
    return [*parts, *vars(value).values()] if isinstance(getattr(value, "__dict__", None), dict) else parts


def _is_empty(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is None
    except ValueError:  # a variable that is assigned later
        return True


_REFERRING = (types.FunctionType, functools.partial, weakref.ref)


def _entries_to_rebind(holder: dict[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield what deepcopy does not follow in a module's attributes and their containers: container, key and value."""
    for key, value in list(holder.items()):
        if isinstance(value, _REFERRING):
            yield holder, key, value
        elif isinstance(value, dict) and key not in ("_modules", "_parameters", "_buffers"):
            yield from _entries_to_rebind(value)
        elif isinstance(value, list):
            yield from ((value, index, item) for index, item in enumerate(value) if isinstance(item, _REFERRING))
        # A tuple cannot be assigned to: it is replaced as a whole.
        elif type(value) is tuple and any(isinstance(item, _REFERRING) for item in value):
            yield holder, key, value
        elif type(value).__module__ == "types" and isinstance(value, types.SimpleNamespace):
            yield from _entries_to_rebind(vars(value))


class _Rebinder:
    """Replaces modules and tensors of the original by those of the copy in whatever refers to them."""

    def __init__(self, replacements: dict[int, Any], memo: dict[int, Any]) -> None:
        # Both by the ids of the originals; deepcopy's memo also holds everything else that it has copied.
        self._replacements, self._memo = replacements, memo
        self._rebound: dict[int, Any] = {}

    def _reaches(self, value: Any, met: set[int]) -> bool:
        """Return whether a value refers to a part of the original, however indirectly."""
        if id(value) in self._replacements:
            return True
        if id(value) in met or isinstance(value, type | types.ModuleType):
            return False
        met.add(id(value))
        return any(self._reaches(part, met) for part in _referents(value))

    def rebind(self, value: Any) -> Any:
        """Return a value that refers to the copy; the same object if there is nothing to replace."""
        if id(value) in self._replacements:
            return self._replacements[id(value)]
        if id(value) in self._rebound:
            return self._rebound[id(value)]
        # The user's own state, such as a list that a hook fills, has to stay the same object.
        if not self._reaches(value, set()):
            return value
        new: Any
        if isinstance(value, types.FunctionType):
            return self._rebind_function(value)
        if isinstance(value, types.MethodType):
            new = types.MethodType(value.__func__, self.rebind(value.__self__))
        elif isinstance(value, functools.partial):
            keywords = {key: self.rebind(part) for key, part in value.keywords.items()}
            new = functools.partial(self.rebind(value.func), *map(self.rebind, value.args), **keywords)
        elif isinstance(value, weakref.ref):
            new = weakref.ref(self.rebind(value()))
        elif type(value) in (list, tuple):
            new = type(value)(map(self.rebind, value))
        elif type(value) is dict:
            new = {key: self.rebind(part) for key, part in value.items()}
        else:
            new = copy.deepcopy(value, self._memo)
            attributes = getattr(new, "__dict__", {})
            for holder, key, held in _entries_to_rebind(attributes) if isinstance(attributes, dict) else ():
                holder[key] = self.rebind(held)
        self._rebound[id(value)] = new
        return new

    def _rebind_function(self, function: types.FunctionType) -> types.FunctionType:
        # A cell that needs no change is shared with the original, and so is what `nonlocal` assigns to it.
        cells = [
            cell if _is_empty(cell) or not self._reaches(cell.cell_contents, set()) else types.CellType()
            for cell in function.__closure__ or ()
        ]
        rebound = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, None, tuple(cells) if cells else None
        )
        # Registered before its cells are filled, since a function may refer to itself.
        self._rebound[id(function)] = rebound
        for cell, old in zip(cells, function.__closure__ or (), strict=True):
            if cell is not old:
                cell.cell_contents = self.rebind(old.cell_contents)
        rebound.__defaults__ = self.rebind(function.__defaults__)
        rebound.__kwdefaults__ = self.rebind(function.__kwdefaults__)
        rebound.__qualname__, rebound.__doc__ = function.__qualname__, function.__doc__
        rebound.__module__, rebound.__annotations__ = function.__module__, function.__annotations__
        vars(rebound).update({key: self.rebind(part) for key, part in vars(function).items()})
        return rebound


def _check_independent(value: Any, originals: set[int], what: str) -> None:
    """Raise if a function refers to a part of the original, through a global name or otherwise."""
    import torch

    met: set[int] = set()
    waiting: list[tuple[Any, str]] = [(value, "")]
    while waiting:
        found, name = waiting.pop()
        if id(found) in originals:
            where = f"by the global name '{name}'" if name else "in a way that cannot be replaced"
            raise InputError(
                f"model must hold what it computes with, but {what} refers to a part of it {where}, so that a copy "
                "would compute with the original's parameters: use self or a local variable."
            )
        if id(found) in met or isinstance(found, torch.nn.Module | torch.Tensor | type | types.ModuleType):
            continue
        met.add(id(found))
        waiting.extend((part, name) for part in _referents(found))
        if isinstance(found, types.FunctionType):
            known = found.__globals__
            waiting.extend((known[key], key) for key in _global_names(found.__code__) if key in known)


@functools.lru_cache(maxsize=4096)
def _global_names(code: types.CodeType) -> frozenset[str]:
    """Return the global names that a function and the functions inside it read."""
    own = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    nested = [_global_names(part) for part in code.co_consts if isinstance(part, types.CodeType)]
    return frozenset(own.union(*nested))
