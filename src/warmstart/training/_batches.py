"""Batches from tensors on the device, or from a loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, TypeAlias, cast

import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

from warmstart.basics import InputError, as_batch, float_type, prepared

from ._data import TensorData
from ._loss import Loss
from ._memory_format import is_channels_last, with_channels_first, with_channels_last

Batch: TypeAlias = tuple[torch.Tensor, torch.Tensor]
# Tensors, or an iterable that yields batches (inputs, labels) again in every pass, such as a DataLoader.
Data: TypeAlias = TensorData | Iterable[Any]


def check_repeatable(data: Data) -> None:
    """Raise unless the data can be iterated over repeatedly; an iterator is empty after its first pass."""
    is_once = isinstance(data, Iterator | torch.Tensor | str | bytes | Mapping)
    if is_once or not isinstance(data, TensorData | Iterable):
        raise InputError(
            "data must be TensorData, or a DataLoader or another iterable of (inputs, labels) that starts anew with "
            f"every pass, got {type(data).__name__}."
        )


def in_order(data: Data, batch_size: int, model: nn.Module, *, loss: Loss | None = None) -> Iterator[Batch]:
    """Yield all data, batch by batch, in their order.

    Args:
        data: What to go through.
        batch_size: Samples per batch; a loader has its own.
        model: Decides device, type and memory format of a loader's batches.
        loss: Decides which labels a loader may yield; None: any.
    """
    if isinstance(data, TensorData):
        yield from data.typed_for(model).in_order(batch_size)
    else:
        yield from loaded(data, model, loss=loss)


def loaded(
    loader: Iterable[Any],
    model: nn.Module,
    *,
    loss: Loss | None = None,
    outputs: Callable[[], int | None] = lambda: None,
) -> Iterator[Batch]:
    """Yield a loader's batches on the model's device, in its type and memory format.

    Args:
        loader: Yields pairs.
        model: Decides device, type and memory format.
        loss: Decides which labels are accepted; None: any.
        outputs: Returns the model's number of outputs, against which labels are checked while they are on the host,
            where that costs no wait for the device; None: not yet known.
    """
    device, dtype = device_of(model), float_type(model)
    for batch in loader:
        inputs, labels = as_batch(batch, floats=loss is None or loss.takes_floats)
        if loss is not None and (count := outputs()) is not None:
            loss.check_targets(labels, count)
        inputs = prepared(inputs.to(device, non_blocking=True), dtype)
        if inputs.ndim == 4:
            # Tested for every batch: at the first step, training may find that the model cannot have channels last.
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
    # A sequence of indices, such as a range, may be in order, too. Any other sampler may be random.
    if not isinstance(data.dataset, IterableDataset) and not (
        is_usual
        and (
            type(sampler) is SequentialSampler
            or (isinstance(sampler, Sequence) and list(sampler) == list(range(len(cast("Sized", data.dataset)))))
        )
    ):
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


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's parameters; of one without any, the CPU."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
