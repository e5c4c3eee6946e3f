"""Forward passes that leave no trace in the model, and the batches for them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from warmstart.basics import (
    InputError,
    as_batch,
    described,
    float_type,
    logits_of,
    prepared,
    undisturbed,
    unwrapped,
    upcast,
)


def logits_aside(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the model's logits with their graph, in its present mode, and leave it as it is.

    The pass works on copies of the buffers, so that BatchNorm in training mode normalizes by this batch but does not
    add it to its running statistics. Attributes that it sets, such as counters and kept activations, are put back.

    Returns:
        In at least single precision.
    """
    inner = unwrapped(model)
    with undisturbed(inner, tensors=False):
        buffers = {name: buffer.clone() for name, buffer in inner.named_buffers()}
        if not any(isinstance(module, torch.jit.ScriptModule) for module in inner.modules()):
            return upcast(logits_of(functional_call(inner, buffers, (inputs,))))
        try:  # the buffers of a scripted module cannot be exchanged for copies
            return upcast(logits_of(inner(inputs)))
        finally:
            for name, buffer in inner.named_buffers():
                # By way of .data, since the graph of a training step may have recorded the buffer's version.
                buffer.data.copy_(buffers[name].detach())


def prepared_batches(
    model: nn.Module, data: Iterable[Any], *, name: str = "data", floats: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of data as training prepares them, on the model's device and in its type; empty ones not.

    Args:
        model: Decides the device, by its first trainable parameter, and the type.
        data: ``TensorData``, a ``DataLoader``, or any other iterable of inputs and labels.
        name: What the data are called in an error.
        floats: Whether labels may be floating-point targets.

    Raises:
        InputError: If data are no such iterable, or a batch is no pair of inputs and labels.
    """
    if not isinstance(data, Iterable) or isinstance(data, str | bytes | Mapping | Tensor):
        raise InputError(
            f"{name} must be TensorData, a DataLoader or another iterable of batches (inputs, labels), "
            f"got {described(data)}."
        )
    device = next(parameter.device for parameter in model.parameters() if parameter.requires_grad)
    dtype = float_type(model)
    for batch in data:
        is_pair = isinstance(batch, list | tuple) and len(batch) == 2
        sizes = [len(part) if getattr(part, "ndim", 0) else -1 for part in batch] if is_pair else []
        if sizes == [0, 0]:
            continue
        if -1 not in sizes and len(set(sizes)) == 2:
            raise InputError(f"{name} must pair every input with a label, got {sizes[0]} and {sizes[1]}.")
        try:
            inputs, labels = as_batch(batch, floats=floats)
        except InputError as error:
            raise InputError(str(error).replace("data ", f"{name} ", 1)) from None
        yield prepared(inputs.to(device), dtype), labels.to(device)
