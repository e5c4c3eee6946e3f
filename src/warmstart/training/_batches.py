"""Batches from whatever holds the data: tensors on the device, or a loader that brings them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

from warmstart.basics import InputError, as_batch, check_labels, float_type, prepared

from ._data import TensorData
from ._layout import is_channels_last, lay_out_, with_channels_first, with_channels_last

Batch: TypeAlias = tuple[torch.Tensor, torch.Tensor]
Data: TypeAlias = TensorData | Iterable[Any]
"""Data in tensors, or what yields (inputs, labels) batch by batch in every pass, as a DataLoader does."""


def check_repeatable(data: Data) -> None:
    """Raise unless the data can be gone through again and again.

    Raises:
        InputError: If they are an iterator, which is empty after its first pass, or nothing to be gone through.
    """
    is_none = isinstance(data, Iterator | torch.Tensor | str | bytes | Mapping)
    if is_none or not isinstance(data, TensorData | Iterable):
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
        yield from data.typed_for(model).in_order(batch_size)
    else:
        yield from loaded(data, model)


def loaded(
    loader: Iterable[Any], model: nn.Module, *, classes: Callable[[], int | None] = lambda: None
) -> Iterator[Batch]:
    """Yield a loader's batches, on the model's device, in its layout, and ready for it as those of TensorData are.

    Args:
        loader: Yields pairs.
        model: Decides about all that.
        classes: Returns how many there are, for labels to be checked against while they are on the host; None: not yet
            known.
    """
    device, dtype = device_of(model), float_type(model)
    for batch in loader:
        inputs, labels = as_batch(batch)
        if (count := classes()) is not None:
            check_labels(labels, count)
        inputs = prepared(inputs.to(device, non_blocking=True), dtype)
        if inputs.ndim == 4:
            # Asked anew for every batch: training may find that the model cannot have its channels last.
            inputs = with_channels_last(inputs) if is_channels_last(model) else with_channels_first(inputs)
        yield inputs, labels.to(device, non_blocking=True)


def in_data_order(data: Data) -> Data:
    """Return data that yield every sample in the order of the data set; a loader's last batch is not dropped.

    Raises:
        InputError: If a loader draws its samples at random.
    """
    if not isinstance(data, DataLoader):
        return data
    sampler = getattr(data.batch_sampler, "sampler", data.sampler)
    is_usual = data.batch_sampler is None or type(data.batch_sampler) is BatchSampler
    is_stream = isinstance(data.dataset, IterableDataset)
    if not is_stream and not (is_usual and _is_in_order(sampler, data.dataset)):
        raise InputError(
            "data must be a loader in the order of its data set, to predict in that order, got one with a "
            f"{type(sampler if is_usual else data.batch_sampler).__name__}: pass shuffle=False, or TensorData."
        )
    if not getattr(data.batch_sampler, "drop_last", data.drop_last):
        return data
    return DataLoader(
        data.dataset,
        batch_size=data.batch_size or getattr(data.batch_sampler, "batch_size", None),
        num_workers=data.num_workers,
        collate_fn=data.collate_fn,
        pin_memory=data.pin_memory,
        timeout=data.timeout,
        worker_init_fn=data.worker_init_fn,
        multiprocessing_context=data.multiprocessing_context,
        prefetch_factor=data.prefetch_factor,
    )


def _is_in_order(sampler: Any, dataset: Any) -> bool:
    """Return whether a sampler gives every index of a data set in order, as one that has been written down may."""
    if type(sampler) is SequentialSampler:
        return True
    return isinstance(sampler, Sequence) and list(sampler) == list(range(len(dataset)))


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's parameters; of one without any, the CPU."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def laid_out_for(data: Data, model: nn.Module, *, channels_last: bool | None = None) -> Data:
    """Return the data in the memory layout that the model reads fastest, and lay the model out likewise.

    Args:
        data: Copied only where they lie otherwise.
        model: Changed in place.
        channels_last: The layout; None: the fastest.
    """
    if isinstance(data, TensorData):
        return data.laid_out_for(model, channels_last=channels_last)
    lay_out_(model, channels_last=channels_last)
    return data
