"""Passes through a model that leave no trace in it."""

from __future__ import annotations

import collections
import types
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._memory import memory_key, tensors_of

if TYPE_CHECKING:
    from torch import nn

# Without content that a pass would change; a function's closure is left alone, too.
_ATOMS = (int, float, complex, str, bytes, type, types.ModuleType, types.FunctionType, types.MethodType, types.CodeType)

# A mutable object, its content, and the keys of it that are not to be restored.
_Snapshot = tuple[Any, Any, Collection[str]]


@contextmanager
def undisturbed(model: nn.Module, *, tensors: bool = True) -> Iterator[None]:
    """Restore a model on exit, whatever a pass through it changes within the context, even if the pass fails.

    Restored are the modes, the values of parameters and buffers, ``requires_grad``, and plain attributes of every
    module, such as counters and stored activations, including the content of their lists, dictionaries and objects.

    Args:
        model: Unchanged on exit.
        tensors: Whether parameters and buffers are restored. Between a training step's forward and backward pass they
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

    modes = [(module, module.training) for module in model.modules()]
    frozen = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    # Lazy and meta tensors have no values to restore.
    found = [tensor for tensor in tensors_of(model).values() if memory_key(tensor) is not None] if tensors else []
    values = [(tensor, tensor.data, tensor.detach().clone()) for tensor in found]
    held = {id(tensor) for tensor in tensors_of(model).values()}
    # No pass changes the hooks, so copying them at every step would be a waste.
    hooks = {name for name in vars(torch.nn.Module()) if "hook" in name}
    snapshots: list[_Snapshot] = []
    for module in model.modules():
        # FSDP exchanges parameters behind the module's back, and a compiled script stores its own.
        if not isinstance(module, torch.jit.ScriptModule) and not hasattr(module, "unshard"):
            # A set of its own for each module, so that the depth limit counts from the nearest one.
            _record(vars(module), snapshots, set(held), but=hooks)
    try:
        yield
    finally:
        for snapshot in snapshots:
            _restore(*snapshot)
        with torch.no_grad():
            for tensor, data, value in values:
                # A pass may have exchanged the memory, to which views and other tensors may still refer.
                if tensor.data_ptr() != data.data_ptr() or tensor.stride() != data.stride():
                    tensor.data = data
                tensor.copy_(value)
        for parameter, requires_grad in frozen:
            parameter.requires_grad_(requires_grad)
        for module, was_training in modes:
            module.training = was_training


def _record(
    value: Any, snapshots: list[_Snapshot], met: set[int], *, but: Collection[str] = (), depth: int = 5
) -> None:
    """Append snapshots of a value and of what it holds, except modules, which are recorded one by one."""
    import torch

    # The depth is limited because a model may refer to a trainer, and through it to everything.
    if value is None or isinstance(value, (*_ATOMS, torch.nn.Module)) or id(value) in met or not depth:
        return
    met.add(id(value))
    parts: list[Any] = []
    if isinstance(value, torch.Tensor):
        # Not what belongs to a graph: a write would invalidate it.
        if value.layout is torch.strided and not value.is_meta and value.is_leaf and not value.requires_grad:
            snapshots.append((value, value.clone(), ()))
        return
    if isinstance(value, torch.Generator):
        snapshots.append((value, value.get_state(), ()))
        return
    if isinstance(value, dict):
        kept = {key: part for key, part in value.items() if key not in but}
        snapshots.append((value, kept, but))
        parts = list(kept.values())
    elif isinstance(value, list | set | collections.deque | bytearray):
        parts = list(value)
        snapshots.append((value, parts, ()))
        if isinstance(value, bytearray):
            return
    elif isinstance(value, tuple):
        parts = list(value)
    attributes = getattr(value, "__dict__", None)
    for part in (*parts, *([attributes] if isinstance(attributes, dict) else [])):
        _record(part, snapshots, met, depth=depth - 1)


def _restore(held: Any, content: Any, but: Collection[str]) -> None:
    import torch

    if isinstance(held, torch.Tensor):
        # Only if they differ: any write counts as a change, which would invalidate a graph that holds the tensor.
        if not held.equal(content):
            held.data.copy_(content)
    elif isinstance(held, torch.Generator):
        held.set_state(content)
    elif isinstance(held, dict):
        for key in [key for key in held if key not in content and key not in but]:
            del held[key]
        # Not clear() and update(): the excluded entries stay, and so does the order of the others.
        for key, part in content.items():
            held[key] = part
    else:
        held.clear()
        held.update(content) if isinstance(held, set) else held.extend(content)
