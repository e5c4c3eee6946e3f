"""Passes through a model that leave no trace in it."""

from __future__ import annotations

import collections
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._memory import memory_key, tensors_of

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

_FIXED = (int, float, complex, str, bytes, type, types.ModuleType, types.FunctionType, types.MethodType, types.CodeType)


@contextmanager
def undisturbed(model: nn.Module, *, tensors: bool = True) -> Iterator[None]:
    """Leave a model as it is, whatever a pass through it does within the context, also where the pass fails.

    Put back are the modes, the values of parameters and buffers and what is frozen of them, and plain attributes of
    every module, such as counters and kept activations, with the content of their lists, dictionaries and objects.

    Args:
        model: Left as it is.
        tensors: Whether parameters and buffers are put back. Between a training step's forward and backward pass they
            must not be: writing to them would invalidate its graph.

    Example:
        >>> import torch
        >>> norm = torch.nn.BatchNorm1d(1)
        >>> with undisturbed(norm):
        ...     _ = norm(torch.tensor([[1.0], [3.0]]))
        >>> norm.running_mean
        tensor([0.])
    """
    import torch

    # What no pass changes need not be copied at every step.
    hooks = {name for name in vars(torch.nn.Module()) if "hook" in name}
    modes = [(module, module.training) for module in model.modules()]
    frozen = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    # Of lazy and of meta tensors there are no values to put back.
    found = [tensor for tensor in tensors_of(model).values() if memory_key(tensor) is not None] if tensors else []
    values = [(tensor, tensor.data, tensor.detach().clone()) for tensor in found]
    held = {id(tensor) for tensor in tensors_of(model).values()}
    restore: list[Callable[[], None]] = []
    for module in model.modules():
        # FSDP exchanges parameters behind the module's back, and a compiled script keeps its own.
        if not isinstance(module, torch.jit.ScriptModule) and not hasattr(module, "unshard"):
            _note(vars(module), restore, set(held), but=hooks)
    try:
        yield
    finally:
        for put_back in restore:
            put_back()
        with torch.no_grad():
            for tensor, data, value in values:
                if tensor.data_ptr() != data.data_ptr() or tensor.stride() != data.stride():
                    tensor.data = data
                tensor.copy_(value)
        for parameter, requires_grad in frozen:
            parameter.requires_grad_(requires_grad)
        for module, was_training in modes:
            module.training = was_training


def _note(
    value: Any, restore: list[Callable[[], None]], met: set[int], *, but: set[str] | None = None, depth: int = 5
) -> None:
    """Note how to put the content of a value back, and that of what it holds; modules look after their own.

    No deeper than ``depth``: a model may refer to a trainer, and by it to everything.
    """
    import torch

    if value is None or isinstance(value, (*_FIXED, torch.nn.Module)) or id(value) in met or not depth:
        return
    met.add(id(value))
    if isinstance(value, torch.Tensor):
        if value.layout is torch.strided and not value.is_meta and value.is_leaf and not value.requires_grad:
            copied = value.clone()
            restore.append(lambda: _put_numbers(value, copied))
        return
    if isinstance(value, torch.Generator):
        state = value.get_state()
        restore.append(lambda: _put_state(value, state))
        return
    if isinstance(value, dict):
        kept = {key: part for key, part in value.items() if not but or key not in but}
        restore.append(lambda: _put_entries(value, kept, but or set()))
        parts = list(kept.values())
    elif isinstance(value, list | collections.deque | bytearray):
        parts = list(value)
        restore.append(lambda: _put_parts(value, parts))
        if isinstance(value, bytearray):
            return
    elif isinstance(value, set):
        parts = list(value)
        restore.append(lambda: _put_members(value, parts))
    else:
        parts = list(value) if isinstance(value, tuple) else []
    attributes = getattr(value, "__dict__", None)
    for part in (*parts, *([attributes] if isinstance(attributes, dict) else [])):
        _note(part, restore, met, depth=depth - 1)


def _put_numbers(held: Tensor, numbers: Tensor) -> None:
    # Only where they differ: writing counts as a change, of which a graph may have taken note.
    if not held.equal(numbers):
        held.data.copy_(numbers)


def _put_state(held: Generator, state: Tensor) -> None:
    held.set_state(state)


def _put_entries(held: dict[Any, Any], kept: dict[Any, Any], but: set[str]) -> None:
    for key in [key for key in held if key not in kept and key not in but]:
        del held[key]
    for key, part in kept.items():
        held[key] = part


def _put_members(held: set[Any], parts: list[Any]) -> None:
    held.clear()
    held.update(parts)


def _put_parts(held: list[Any] | collections.deque[Any] | bytearray, parts: list[Any]) -> None:
    held.clear()
    held.extend(parts)
