"""Passes through a model that leave no trace in it."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._memory import memory_key, tensors_of

if TYPE_CHECKING:
    from torch import nn

_CONTAINERS = (list, dict, set, collections.deque, collections.OrderedDict, collections.defaultdict)


@contextmanager
def undisturbed(model: nn.Module, *, tensors: bool = True) -> Iterator[None]:
    """Leave a model as it is, whatever a pass through it does within the context, also where the pass fails.

    Put back are the modes, the values of parameters and buffers, and plain attributes of every module, such as counters
    and kept activations, with the content of their lists and dictionaries.

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
    plain = [module for module in model.modules() if not isinstance(module, torch.jit.ScriptModule)]
    attributes = [
        (vars(module), {key: (value, _content(value)) for key, value in vars(module).items() if key not in hooks})
        for module in plain
    ]
    # Of lazy and of meta tensors there are no values to put back.
    found = [tensor for tensor in tensors_of(model).values() if memory_key(tensor) is not None] if tensors else []
    values = [(tensor, tensor.data, tensor.detach().clone()) for tensor in found]
    try:
        yield
    finally:
        for held, before in attributes:
            for key in held.keys() - before.keys() - hooks:
                del held[key]
            for key, (value, content) in before.items():
                held[key] = value
                _put_content(value, content)
        with torch.no_grad():
            for tensor, data, value in values:
                if tensor.data_ptr() != data.data_ptr() or tensor.stride() != data.stride():
                    tensor.data = data
                tensor.copy_(value)
        for module, was_training in modes:
            module.training = was_training


def _content(value: Any) -> Any:
    return value.copy() if type(value) in _CONTAINERS else None


def _put_content(value: Any, content: Any) -> None:
    if content is None:
        return
    value.clear()
    (value.extend if isinstance(value, list | collections.deque) else value.update)(content)
