"""Batches from whatever holds the data: tensors on the device, or a loader that brings them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import torch
from torch import nn

from warmstart.basics import InputError

from ._data import TensorData, default_scaling
from ._layout import is_channels_last, lay_out_, with_channels_first, with_channels_last

Batch: TypeAlias = tuple[torch.Tensor, torch.Tensor]
Data: TypeAlias = TensorData | Iterable[Any]
"""Data in tensors, or what yields (inputs, labels) batch by batch in every pass, as a DataLoader does."""


def check_repeatable(data: Data) -> None:
    """Raise unless the data can be gone through again and again.

    Raises:
        InputError: If they are an iterator, which is empty after its first pass, or nothing to be gone through.
    """
    if isinstance(data, Iterator) or not isinstance(data, TensorData | Iterable):
        raise InputError(
            "data must be TensorData, or a DataLoader or another iterable of (inputs, labels) that starts anew with "
            f"every pass, got {type(data).__name__}."
        )


def in_order(data: Data, batch_size: int, model: nn.Module) -> Iterator[Batch]:
    """Yield all data, batch by batch, as they come.

    Args:
        data: What to go through.
        batch_size: Samples at once; a loader has its own.
        model: Decides the device and the layout of what a loader brings.
    """
    if isinstance(data, TensorData):
        for indices in torch.arange(len(data), device=data.device).split(batch_size) if len(data) else ():
            yield data.batch(indices)
    else:
        yield from loaded(data, model)


def loaded(loader: Iterable[Any], model: nn.Module) -> Iterator[Batch]:
    """Yield a loader's batches, on the model's device, in its layout, and ready for it as those of TensorData are."""
    device = device_of(model)
    last = is_channels_last(model)
    for batch in loader:
        inputs, labels = _pair(batch)
        inputs = _prepared(inputs.to(device, non_blocking=True))
        if inputs.ndim == 4:
            inputs = with_channels_last(inputs) if last else with_channels_first(inputs)
        yield inputs, labels.to(device, non_blocking=True).long()


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's parameters; of one without any, the CPU."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _prepared(inputs: torch.Tensor) -> torch.Tensor:
    """Return inputs as TensorData would give them; the loader's own stay as they are, and so do whole numbers.

    Those are indices, as of tokens; only bytes are images.
    """
    if inputs.dtype is torch.uint8:
        scale, offset = default_scaling(inputs)
        return inputs.float().mul_(scale).add_(offset)
    return inputs.float() if inputs.is_floating_point() else inputs


def _pair(batch: Any) -> Batch:
    """Return a loader's batch as two tensors.

    Raises:
        InputError: If it is none.
    """
    parts = list(batch) if isinstance(batch, list | tuple) else []
    if len(parts) != 2 or not all(map(torch.is_tensor, parts)) or not _fit_together(*parts):
        told = [_described(part) for part in parts]
        raise InputError(
            "data must yield pairs of tensors, inputs (n, ...) and labels (n,) of whole numbers, n at least 1, "
            f"got {type(batch).__name__}{' of ' + ', '.join(told) if told else ''}."
        )
    return parts[0], parts[1]


def _fit_together(inputs: torch.Tensor, labels: torch.Tensor) -> bool:
    is_whole = not labels.is_floating_point() and not labels.is_complex()
    return labels.ndim == 1 and len(labels) > 0 and is_whole and labels.shape == inputs.shape[:1]


def _described(part: Any) -> str:
    return f"{part.dtype} {tuple(part.shape)}" if torch.is_tensor(part) else type(part).__name__


def laid_out_for(data: Data, model: nn.Module) -> Data:
    """Return the data in the memory layout that the model reads fastest, and lay the model out likewise."""
    if isinstance(data, TensorData):
        return data.laid_out_for(model)
    lay_out_(model)
    return data
